"""``crosswake buildings train``: the loop, then the measurement."""

from typing import TYPE_CHECKING

from crosswake.cli.sources import require_there
from crosswake.settings.buildings_train import BuildingsTrainConfig

if TYPE_CHECKING:
    from crosswake.buildings.reference import Reference
    from crosswake.tasks.buildings.task import BuildingsTask


def run(config: BuildingsTrainConfig) -> int:
    """Train, then measure the best epoch on the test split where it has references, else on the
    tiles held out for validation."""
    if config.data is not None:
        require_there(config.data)

    from crosswake.tasks.buildings.task import train_buildings

    finished, task = train_buildings(config)
    if config.evaluate and finished.first_process:
        reference = unseen_tiles(task)
        if reference is None:
            finished.say("no tiles with references to measure on; see crosswake buildings score")
        else:
            measure_buildings(config, reference)
    return 0


def unseen_tiles(task: "BuildingsTask") -> "Reference | None":
    """The tiles of the test split, else those held out for validation, with their references; None
    where there are neither."""
    from crosswake.buildings.reference import with_results
    from crosswake.tasks.buildings.data import referenced

    data = task.split.data
    tiles, name = referenced(data.tiles, "test"), f"{data.name}, test"
    if not tiles:
        tiles, name = task.split.held, f"{data.name}, cities held out for validation"
    if not tiles:
        return None
    return with_results(name, data.track, tiles, (), task.config.quiet)


def measure_buildings(config: BuildingsTrainConfig, reference: "Reference") -> None:
    """Write numbers, pictures and report of the best epoch into the run's folder, and print
    them."""
    from crosswake.buildings.results import results_fingerprint
    from crosswake.buildings.submission import SubmissionCheck
    from crosswake.cli.buildings_score import print_scores, score_it
    from crosswake.core.provenance import file_hash
    from crosswake.models.buildings.checkpoints import load_building_model
    from crosswake.reports.buildings import write_scores
    from crosswake.settings.buildings_score import BuildingsScoreConfig
    from crosswake.tasks.buildings.measure import results_on

    best = config.output / "best.pt"
    finder = load_building_model(best, device=config.device, precision=config.precision)
    results, bad = results_on(finder, reference.tiles, strict=config.strict, quiet=config.quiet)
    assert config.data is not None
    how = BuildingsScoreConfig(
        submission=best,
        reference=config.data,
        track=config.track,
        output=config.output,
        seed=config.seed,
        quiet=config.quiet,
    )
    check = SubmissionCheck(
        path=best,
        track=config.track,
        buildings=sum(len(one.instances) for one in results),
        heights=sum(one.height is not None for one in results),
        findings=(),
        compared=True,
        results=tuple(results),
    )
    origin = {
        "command": "buildings train",
        "checkpoint": file_hash(best),
        "data": results_fingerprint(reference.results),
        "measured_on": reference.name,
        "left_out": len(bad),
        "track": config.track,
        "draws": how.draws,
        "seed": config.seed,
        "overlays": how.overlays,
    }
    scored = score_it(how, reference, check, origin)
    write_scores(config.output, scored, how.overlays, config.quiet)
    print_scores(scored, how)
