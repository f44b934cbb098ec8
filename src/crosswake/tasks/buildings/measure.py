"""What a model finds on tiles, put beside their references."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from crosswake.batches.decode import decode_ahead, in_batches, raise_first
from crosswake.batches.tile_pixels import TileImages, read_tile_images, shown_batch
from crosswake.batches.tile_store import TileStore
from crosswake.buildings.instances import TileFound
from crosswake.buildings.measure import ScoreOptions, measure_tiles
from crosswake.buildings.reference import reference_of
from crosswake.buildings.results import TileResult, instance_of_mask
from crosswake.core.progress import Progress
from crosswake.data.reid import BadFile
from crosswake.data.tiles import Tile, Tiles
from crosswake.models.buildings.checkpoints import BuildingFinder
from crosswake.settings.buildings_train import CROP_STEP
from crosswake.training.health import diverged
from crosswake.training.task import Run, Scores

VALIDATED = ("mAP", "AP50", "delta_1", "score")
"""Figures of a validation, as far as the track has them."""
TILES_AHEAD = 4
"""Tiles in a batch of the decoder."""


class HeldOut:
    """Tiles to validate on, with their references.

    Args:
        store: the tiles.
        track: 1 or 2.
    """

    def __init__(self, store: TileStore, track: int) -> None:
        self.store, self.track = store, track
        found = [reference_of(tile) for tile in store.tiles]
        self.references = [replace(one, image_id=row) for row, (one, _) in enumerate(found)]

    def scores(self, run: Run, finder: BuildingFinder) -> Scores:
        """The official figures; AP50 tells which epoch is best in track 1, the contest's own score
        in track 2.

        Raises:
            CrosswakeError: what the model finds is no longer a number.
        """
        finder.model.eval()
        images = (self.store[row].images for row in range(len(self.store)))
        results = []
        for row, found in enumerate(found_on(finder, images)):
            if not is_finite(found):
                raise diverged(run, "what the model finds is no longer a number", run.state.epoch)
            results.append(result_of(found, self.store.tiles[row], row))
        scores = measure_tiles(self.references, results, self.track, ScoreOptions(draws=0))
        values = {f"val_{name}": scores.value(name) for name in VALIDATED if name in scores.metrics}
        criterion = "val_score" if "val_score" in values else "val_AP50"
        return Scores(values=values, criterion=criterion)


def results_on(
    finder: BuildingFinder, tiles: Tiles, *, strict: bool = False, quiet: bool = False
) -> tuple[list[TileResult], list[BadFile]]:
    """What a model finds on tiles, and those that cannot be read.

    Args:
        finder: the model.
        tiles: with image ids, by which results meet references.
        strict: stop at the first that cannot be read.
        quiet: show no progress.

    Raises:
        UnreadableChipError: a tile cannot be read and ``strict`` is set.
    """
    results: list[TileResult] = []
    bad: list[BadFile] = []
    with Progress(len(tiles), "find", "tiles", quiet) as progress:
        for _, batch in decode_ahead(in_batches(tiles, TILES_AHEAD), read_tile_images, ahead=1):
            for tile, images in batch:
                progress.advance()
                if isinstance(images, BadFile):
                    bad.append(images)
                    if strict:
                        raise_first(bad)
                    continue
                (found,) = found_on(finder, [images])
                number = -1 if tile.image_id is None else tile.image_id
                results.append(result_of(found, tile, number))
    return results, bad


def found_on(finder: BuildingFinder, tiles: Iterable[TileImages]) -> Iterator[TileFound]:
    """What a model finds on each tile, in their order."""
    for images in tiles:
        height, width = images.valid.shape
        batch = shown_batch(
            [filled_up(images)], rgb=finder.modalities != "sar", sar=finder.modalities != "rgb"
        )
        (found,) = finder.find(batch)
        yield cut_back(found, height, width)


def filled_up(images: TileImages) -> TileImages:
    """A tile filled up with padding to sides that are multiples of ``CROP_STEP``."""
    height, width = images.valid.shape
    rows, columns = -height % CROP_STEP, -width % CROP_STEP
    if not rows and not columns:
        return images
    more = ((0, rows), (0, columns))
    return TileImages(
        optical=None if images.optical is None else np.pad(images.optical, ((0, 0), *more)),
        sar=None if images.sar is None else np.pad(images.sar, more),
        valid=np.pad(images.valid, more),
    )


def cut_back(found: TileFound, height: int, width: int) -> TileFound:
    """What was found, without the padding below and on the right."""
    return TileFound(
        masks=found.masks[:, :height, :width],
        scores=found.scores,
        labels=found.labels,
        height=None if found.height is None else found.height[:height, :width],
    )


def result_of(found: TileFound, tile: Tile, number: int) -> TileResult:
    """What was found on a tile, as it is scored.

    Args:
        found: of the tile's size.
        tile: which.
        number: its image id, or what stands for it.
    """
    rows = zip(found.masks, found.labels, found.scores, strict=True)
    return TileResult(
        image_id=number,
        size=(found.masks.shape[1], found.masks.shape[2]),
        instances=tuple(
            instance_of_mask(mask, int(label), float(score))
            for mask, label, score in rows
            if mask.any()
        ),
        height=found.height,
        stem=tile.stem,
        city=tile.city,
    )


def is_finite(found: TileFound) -> bool:
    """Whether all scores and heights are numbers."""
    heights = found.height is None or bool(np.isfinite(found.height).all())
    return heights and bool(np.isfinite(found.scores).all())
