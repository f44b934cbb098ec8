"""The contest's baselines and ours, trained one after the other and measured on the same tiles:
``crosswake buildings reproduce``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crosswake.buildings.measure import BuildingScores, ScoreOptions, TileFacts, measure_facts
from crosswake.buildings.paired import fact_differences
from crosswake.buildings.reference import Reference, with_results
from crosswake.buildings.results import TileResult
from crosswake.core.errors import CrosswakeError
from crosswake.core.lock import only_writer
from crosswake.core.text import plain_text
from crosswake.data.sources.dfc23_tracks import read_tiles
from crosswake.models.buildings.checkpoints import load_building_model
from crosswake.retrieval.protocols import Estimate
from crosswake.settings.buildings_reproduce import BuildingsReproduceConfig
from crosswake.settings.buildings_train import BuildingsTrainConfig
from crosswake.tasks.buildings.contenders import (
    REFERENCE_MODEL,
    Contender,
    chosen_contenders,
    run_settings,
)
from crosswake.tasks.buildings.data import referenced, split_tiles
from crosswake.tasks.buildings.measure import results_on
from crosswake.tasks.buildings.task import train_buildings

FoundByModel = Mapping[str, list[TileResult]]


@dataclass(frozen=True, kw_only=True)
class ContenderScores:
    """What one model reached with one seed.

    Attributes:
        contender: the model.
        seed: of its training.
        scores: on the tiles of the comparison.
        ahead: what ``REFERENCE_MODEL`` of the same seed has more, paired over tiles; empty for that
            model itself.
    """

    contender: Contender
    seed: int
    scores: BuildingScores
    ahead: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """All models of all seeds.

    Attributes:
        reference: what they were measured on.
        simulated: whether that is simulated.
        rows: one for each model and seed.
    """

    reference: Reference
    simulated: bool
    rows: tuple[ContenderScores, ...]


def reproduce(config: BuildingsReproduceConfig) -> Reproduction:
    """Train what is not trained yet, and measure all of it.

    Raises:
        CrosswakeError: the data or a setting do not do; or the folder is in use.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    contenders = chosen_contenders(config)
    runs = {
        (one.name, seed): run_settings(config, one, seed)
        for seed in config.seeds
        for one in contenders
        if not one.parts
    }
    with only_writer(config.output):
        reference, simulated = tiles_of_comparison(config, next(iter(runs.values())))
        for (name, seed), run in runs.items():
            say(config, f"{name}, seed {seed}")
            train_buildings(run)
        rows: list[ContenderScores] = []
        for seed in config.seeds:
            mine = {name: run for (name, of), run in runs.items() if of == seed}
            found = found_by(contenders, mine, reference)
            rows += score_contenders(config, contenders, found, reference, seed)
    return Reproduction(reference=reference, simulated=simulated, rows=tuple(rows))


def say(config: BuildingsReproduceConfig, line: str) -> None:
    """Print a line unless quiet."""
    if not config.quiet:
        print(plain_text(line), flush=True)


def tiles_of_comparison(
    config: BuildingsReproduceConfig, run: BuildingsTrainConfig
) -> tuple[Reference, bool]:
    """The tiles that all models are measured on, and whether they are simulated: those of the split
    test where it has references, else of val, else the cities held out of train.

    The last two also choose each model's best epoch, as the contest's own validation set did for
    its baselines.
    """
    data = read_tiles(config.data, config.track)
    for split in ("test", "val"):
        if tiles := referenced(data.tiles, split):
            name = f"{data.name}, {split}"
            break
    else:
        _, tiles = split_tiles(data, run)
        name = f"{data.name}, cities held out for validation"
    if not tiles:
        raise CrosswakeError(f"{config.data}: no tiles with references are left to measure on")
    reference = with_results(name, config.track, tiles, (), config.quiet)
    return reference, data.simulated


def found_by(
    contenders: tuple[Contender, ...],
    runs: Mapping[str, BuildingsTrainConfig],
    reference: Reference,
) -> FoundByModel:
    """What each model of one seed finds."""
    found: dict[str, list[TileResult]] = {}
    for name, run in runs.items():
        best = run.output / "best.pt"
        finder = load_building_model(best, device=run.device, precision=run.precision)
        found[name], _ = results_on(finder, reference.tiles, strict=run.strict, quiet=run.quiet)
    for one in contenders:
        if one.parts:
            buildings, heights = (found[part] for part in one.parts)
            maps = {tile.image_id: tile.height for tile in heights}
            found[one.name] = [replace(tile, height=maps[tile.image_id]) for tile in buildings]
    return found


def score_contenders(
    config: BuildingsReproduceConfig,
    contenders: tuple[Contender, ...],
    found: FoundByModel,
    reference: Reference,
    seed: int,
) -> list[ContenderScores]:
    """The figures of all models of one seed."""
    options = ScoreOptions(draws=config.draws)
    facts = {
        name: TileFacts(reference.results, results, config.track) for name, results in found.items()
    }
    ours = facts.get(REFERENCE_MODEL)
    return [
        ContenderScores(
            contender=one,
            seed=seed,
            scores=measure_facts(facts[one.name], options),
            ahead=(
                {}
                if ours is None or one.name == REFERENCE_MODEL
                else fact_differences(ours, facts[one.name], options)
            ),
        )
        for one in contenders
    ]
