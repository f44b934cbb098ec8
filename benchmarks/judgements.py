"""``python -m benchmarks.judgements OUT``: what judgements of pairs are worth to training.

A model learns from some simulated ships; of the others nobody knows who they are. Then an analyst,
here the truth, judges as many pairs of chips: those of which the model is least certain, or any.
Each time a new model learns with the judgements, from the start, by the same settings. All are
measured on ships that none of them has seen.

About four trainings of 7 minutes each on two cores; ``--seeds`` repeats them. What is there is not
made again.
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.cli.main import main as crosswake
from crosswake.core.errors import CrosswakeError

ARMS = ("none", "random", "uncertain", "all")
"""Judgements that training gets: none, random pairs, uncertain pairs; or every identity."""
NAMED, KEPT_BACK = 0.35, 0.15
"""Shares of the training ships that are known from the start, and by which certainty is told."""
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Pools:
    """The training chips of a fleet, by what is known of them.

    Attributes:
        named: rows of ships that are known from the start.
        kept_back: rows of known ships that no model learns from.
        unknown: rows of the others, with their true identity.
    """

    named: Rows
    kept_back: Rows
    unknown: Rows


def split_ships(rows: Rows, seed: int) -> Pools:
    """Divide the training ships at random."""
    ships = sorted({row["identity"] for row in rows if row["split"] == "train"})
    order = np.random.default_rng(seed).permutation(len(ships))
    named, kept = round(NAMED * len(ships)), round(KEPT_BACK * len(ships))
    part = {
        ships[ship]: int(at >= named) + int(at >= named + kept) for at, ship in enumerate(order)
    }
    train = [row for row in rows if row["split"] == "train"]
    return Pools(*([row for row in train if part[row["identity"]] == of] for of in range(3)))


def cross_pairs(rows: Rows, others: Rows) -> NDArray[np.int64]:
    """(n, 2) places of an optical chip of ``rows`` + ``others`` and a SAR chip, not both of
    ``others``, that might be one ship."""
    both, first = [*rows, *others], len(rows)
    optical = [at for at, row in enumerate(both) if row["modality"] == "optical"]
    sar = [at for at, row in enumerate(both) if row["modality"] == "sar"]
    grid = np.array(np.meshgrid(optical, sar)).reshape(2, -1).T
    return np.asarray(grid[(grid < first).any(axis=1)], np.int64)


def even_odds(cosine: NDArray[Any], same: NDArray[Any]) -> float:
    """The cosine that parts pairs of one ship from others with the fewest errors; near it either is
    as likely."""
    order = np.argsort(cosine)
    ours = same[order].astype(int)
    errors = np.concatenate([[0], np.cumsum(ours)]) + np.concatenate(
        [np.cumsum((1 - ours)[::-1])[::-1], [0]]
    )
    at = int(np.argmin(errors))
    edges = np.concatenate([[cosine[order[0]]], cosine[order], [cosine[order[-1]]]])
    return float((edges[at] + edges[at + 1]) / 2)


def choose(arm: str, cosine: NDArray[Any], odds: float, count: int, seed: int) -> NDArray[np.int64]:
    """Which pairs are judged."""
    if arm == "random":
        return np.random.default_rng(seed).choice(len(cosine), count, replace=False)
    return np.argsort(np.abs(cosine - odds), kind="stable")[:count]


def write_rows(path: Path, rows: Rows) -> Path:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def run_command(*words: object) -> None:
    """Run crosswake; raise if it fails."""
    if crosswake([str(word) for word in words]):
        raise CrosswakeError(f"crosswake {words[0]} failed")


def embedded(checkpoint: Path, folder: Path, rows: Rows) -> NDArray[Any]:
    """(chips, width) embeddings of rows of the fleet's table."""
    from crosswake import load, open_chips

    chips = {chip.path.name: chip for chip in open_chips(folder / "sightings.csv").train}
    found = [chips[Path(row["path"]).name] for row in rows]
    return np.asarray(load(checkpoint).embed(found))


def judge_pairs(folder: Path, fleet: Path, pools: Pools, how: argparse.Namespace) -> str:
    """Write the judgements that ``random`` and ``uncertain`` get; says what is in them."""
    base = folder / "none" / "best.pt"
    kept = embedded(base, fleet, pools.kept_back)
    rows = [*pools.unknown, *pools.named]
    vectors = embedded(base, fleet, rows)
    told = cross_pairs(pools.kept_back, [])
    names = np.array([row["identity"] for row in pools.kept_back])
    same = names[told[:, 0]] == names[told[:, 1]]
    odds = even_odds((kept[told[:, 0]] * kept[told[:, 1]]).sum(axis=1), same)
    pairs = cross_pairs(pools.unknown, pools.named)
    cosine = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1)
    said = []
    for arm in ("random", "uncertain"):
        chosen = pairs[choose(arm, cosine, odds, how.judgements, how.seed)]
        judged = [
            {
                "query": str((fleet / rows[one]["path"]).resolve()),
                "candidate": str((fleet / rows[other]["path"]).resolve()),
                "verdict": "same"
                if rows[one]["identity"] == rows[other]["identity"]
                else "different",
            }
            for one, other in chosen.tolist()
        ]
        write_rows(folder / f"{arm}.csv", judged)
        said.append(
            f"{arm}: {sum(row['verdict'] == 'same' for row in judged)} of {len(judged)} same"
        )
    return "; ".join(said)


def measure_seed(how: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Train and measure all arms with one seed; mAP of each protocol with its interval."""
    fleet, folder = how.out / f"ships{how.seed}", how.out / f"seed{how.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    if not fleet.exists():
        run_command("simulate", fleet, "--identities", how.ships, "--seed", how.seed)
    with (fleet / "sightings.csv").open(newline="", encoding="utf-8") as file:
        rows: Rows = list(csv.DictReader(file))
    for row in rows:
        row["path"] = str((fleet / row["path"]).resolve())
    pools = split_ships(rows, how.seed)
    test = [row for row in rows if row["split"] != "train"]
    nobody = [row | {"identity": ""} for row in pools.unknown]
    partly = write_rows(folder / "partly.csv", [*pools.named, *nobody, *test])
    fully = write_rows(folder / "fully.csv", [*pools.named, *pools.unknown, *test])
    for arm in ARMS:
        run = folder / arm
        if arm == "random":
            print(judge_pairs(folder, fleet, pools, how))
        if not (run / "metrics.json").exists():
            words = ["train", "--config", how.config, "--data", fully if arm == "all" else partly]
            words += ["--output", run, "--seed", how.seed, "--validation.fraction", 0]
            words += ["--epochs", how.epochs, *(["--resume"] if (run / "last.pt").exists() else [])]
            judged = ["--judgements", folder / f"{arm}.csv"] if arm in ARMS[1:3] else []
            run_command(*words, *judged)
    return {arm: scores(folder / arm / "metrics.json") for arm in ARMS}


def scores(path: Path) -> dict[str, float]:
    """mAP of each protocol."""
    protocols = json.loads(path.read_text(encoding="utf-8"))["protocols"]
    return {name: float(one["metrics"]["mAP"]["value"]) for name, one in protocols.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all seeds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--ships", type=int, default=400)
    parser.add_argument("--judgements", type=int, default=200)
    parser.add_argument("--config", default="demo")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    how = parser.parse_args(arguments)
    found = []
    for seed in how.seeds:
        how.seed = seed
        found.append(measure_seed(how))
    for name in found[0]["none"]:
        print(f"\n{name}: mAP of simulated ships, mean over seeds {how.seeds} (each)")
        for arm in ARMS:
            values = [one[arm][name] for one in found]
            each = ", ".join(f"{value:.3f}" for value in values)
            print(f"  {arm:<10} {np.mean(values):.3f}  ({each})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
