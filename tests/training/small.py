"""Runs of both commands on tiny data, each of a second or two."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from crosswake.tasks.pretrain.task import PairTask, pretrain
from crosswake.tasks.reid.task import ReidTask, train
from crosswake.training.task import Run
from tests.data.making import write_image
from tests.parsing import override, parse_pretraining, parse_training

Finished = tuple[Run, ReidTask | PairTask]

MODEL = ["--model.image_size=[32,16]", "--model.width=32", "--model.depth=2", "--model.heads=2"]
COMMON = [
    *MODEL,
    "--optimiser.name=adamw",
    "--optimiser.lr=0.001",
    "--validation.every=2",
    "--device=cpu",
    "--quiet",
]
OWN = {
    "train": ["--batch.identities=4", "--validation.fraction=0.3"],
    "pretrain": [
        "--batch.pairs=8",
        "--crops=3",
        "--validation.fraction=0.5",
        "--model.drop_path=0.1",
    ],
}


@dataclass(frozen=True)
class Small:
    """A command with data for it.

    Attributes:
        command: which.
        data: what it learns from.
        whole: the folder of a run of four epochs that nothing has interrupted.
    """

    command: Literal["train", "pretrain"]
    data: Path
    whole: Path

    def words(self, output: Path, *more: str) -> list[str]:
        return words(self.command, self.data, output, *more)

    def run(self, output: Path, *more: str) -> Finished:
        return run(self.command, self.data, output, *more)


def words(command: str, data: Path, output: Path, *more: str) -> list[str]:
    """The options of a small run."""
    common = [f"--data={data}", f"--output={output}", "--evaluate=false", *COMMON, *OWN[command]]
    return override([*common, *more])


def run(command: str, data: Path, output: Path, *more: str) -> Finished:
    """A small run, in this process."""
    options = words(command, data, output, *more)
    return (
        train(parse_training(options))
        if command == "train"
        else pretrain(parse_pretraining(options))
    )


def write_places(root: Path, count: int = 22, side: int = 64) -> Path:
    """Scenes whose blobs are bright in both sensors, the last two declared ``val``."""
    rows = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        blobs = np.kron(random.random((side // 8, side // 8)), np.ones((8, 8)))
        optical = np.clip(255 * blobs + random.normal(0, 8, (3, side, side)), 0, 255).astype(
            np.uint8
        )
        radar = np.clip(255 * blobs * random.gamma(8.0, 1 / 8, (1, side, side)), 0, 255).astype(
            np.uint8
        )
        write_image(root / "opt" / f"{seed:03d}.png", optical, "PNG")
        write_image(root / "sar" / f"{seed:03d}.png", radar, "PNG")
        rows.append({"file": f"{seed:03d}.png", "split": "val" if seed >= count - 2 else "train"})
    (root / "scenes.json").write_text(json.dumps(rows))
    return root
