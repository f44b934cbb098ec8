"""``crosswake buildings predict``: buildings and heights of tiles, as a submission and for maps."""

import shutil
from typing import TYPE_CHECKING

from crosswake.cli.printing import print_left_out, print_line
from crosswake.core.errors import CrosswakeError
from crosswake.settings.buildings_predict import BuildingsPredictConfig

if TYPE_CHECKING:
    from crosswake.core.provenance import Origin
    from crosswake.data.tiles import Tiles
    from crosswake.models.buildings.checkpoints import BuildingFinder
    from crosswake.tasks.buildings.large_tiles import WindowOptions
    from crosswake.tasks.buildings.predict import StoredResults


def run(config: BuildingsPredictConfig) -> int:
    """Predict, write, say what was written."""
    for option, source in (("checkpoint", config.checkpoint), ("data", config.data)):
        if not source.exists():
            raise CrosswakeError(f"--{option}: {source}: no such file or folder; correct the path")
    from crosswake.core.lock import only_writer
    from crosswake.core.provenance import refuse_other
    from crosswake.models.buildings.checkpoints import load_building_model
    from crosswake.tasks.buildings.predict import PredictOptions, open_tiles, predict_tiles

    finder = load_building_model(
        config.checkpoint, device=config.device, precision=config.precision
    )
    windows = shown_windows(config, finder)
    tiles, passed = open_tiles(config.data, finder.track, config.split)
    origin = prediction_origin(config, finder, tiles, windows)
    refuse_other([config.output], origin, config.overwrite)
    if config.footprints:
        refuse_other([config.footprints], origin, config.overwrite, "--footprints")
    if config.heights:
        from crosswake.buildings.footprints import require_height_folder

        require_height_folder(config.heights, origin, config.overwrite)
    options = PredictOptions(
        windows=windows, origin=origin, strict=config.strict, quiet=config.quiet
    )
    folder = config.output.absolute().parent
    with only_writer(folder, config.output.name):
        parts = folder / f".{config.output.name}.tiles"
        results, bad = predict_tiles(finder, tiles, parts, options)
        print_left_out([*passed, *bad], "this list")
        write_everything(config, finder.track, results, origin)
        shutil.rmtree(parts, ignore_errors=True)
    return 0


def shown_windows(config: BuildingsPredictConfig, finder: "BuildingFinder") -> "WindowOptions":
    """How tiles are looked at.

    Raises:
        CrosswakeError: images are asked for that the model was not trained on.
    """
    from crosswake.tasks.buildings.large_tiles import WindowOptions

    wanted = config.modalities or finder.modalities
    if finder.modalities not in ("both", wanted):
        raise CrosswakeError(
            f"--modalities: {config.checkpoint} was trained on {finder.modalities} alone, not on "
            f"{wanted}; leave it out"
        )
    return WindowOptions(
        side=config.window, overlap=config.overlap, rgb=wanted != "sar", sar=wanted != "rgb"
    )


def prediction_origin(
    config: BuildingsPredictConfig,
    finder: "BuildingFinder",
    tiles: "Tiles",
    windows: "WindowOptions",
) -> "Origin":
    """What the results are made from."""
    from dataclasses import asdict

    from crosswake.core.provenance import file_hash
    from crosswake.tasks.buildings.data import tiles_fingerprint

    return {
        "command": "buildings predict",
        "weights": file_hash(config.checkpoint),
        "data": tiles_fingerprint(tiles),
        "track": finder.track,
        "split": config.split,
        "windows": asdict(windows),
        "precision": config.precision,
        "least_score": config.least_score,
    }


def write_everything(
    config: BuildingsPredictConfig, track: int, results: "StoredResults", origin: "Origin"
) -> None:
    """Height maps, footprints, and last the submission, which may be refused."""
    from crosswake.buildings.footprints import georeference_of, write_footprints, write_heights
    from crosswake.buildings.submission import write_submission
    from crosswake.core.said import say_once
    from crosswake.core.text import counted
    from crosswake.data.check.findings import summary_lines

    measured = results.have_heights()
    if config.heights:
        if not measured:
            raise CrosswakeError(f"--heights: {config.checkpoint} measures none; leave it out")
        count = write_heights(config.heights, results, results.tiles, origin)
        print_line(f"heights: {config.heights} ({counted(count, 'GeoTIFF')})")
    if config.footprints:
        places = (georeference_of(tile) for tile in results.tiles)
        placed = zip(results, places, strict=True)
        count = write_footprints(config.footprints, placed, track, config.least_score, origin)
        print_line(f"footprints: {config.footprints} ({counted(count, 'building')})")
    if track == 2 and not measured:
        say_once("the model measures no heights: those of the submission are 0 everywhere")
        results = results.with_flat_heights()
    check = write_submission(config.output, track, results, origin)
    for line in summary_lines(check.warnings):
        print_line(f"doubt: {line}")
    found = counted(check.buildings, "building")
    print_line(f"submission: {config.output} ({found} on {counted(len(results), 'tile')})")
