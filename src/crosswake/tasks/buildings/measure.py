"""What a model finds on decoded tiles, put beside their references."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from crosswake.batches.tile_pixels import TileImages, shown_batch
from crosswake.batches.tile_store import TileStore
from crosswake.batches.tile_windows import CROP_STEP
from crosswake.buildings.instances import TileFound
from crosswake.buildings.measure import ScoreOptions, measure_tiles
from crosswake.buildings.reference import reference_of
from crosswake.buildings.results import TileResult, instance_of_mask
from crosswake.data.tiles import Tile
from crosswake.models.buildings.base import BuildingModel
from crosswake.training.task import Run, Scores

NAMES = ("mAP", "AP50", "delta_1", "score")
"""Figures of a validation, as far as the track has them."""
HALF_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class HeldOut:
    """Tiles to validate on, with their references.

    Args:
        store: the tiles.
        track: 1 or 2.
        modalities: the images that the model is shown.
    """

    def __init__(self, store: TileStore, track: int, modalities: str) -> None:
        self.store, self.track, self.modalities = store, track, modalities
        found = [reference_of(tile) for tile in store.tiles]
        self.references = [
            replace(one, image_id=row) for row, (one, _) in enumerate(found)
        ]

    def scores(self, run: Run, model: BuildingModel) -> Scores:
        """The official figures; AP50 tells which epoch is best in track 1, the contest's own score
        in track 2."""
        found = [
            result_of(one, tile, row)
            for row, (tile, one) in enumerate(
                zip(self.store.tiles, self.found(run, model), strict=True)
            )
        ]
        scores = measure_tiles(self.references, found, self.track, ScoreOptions(draws=0))
        values = {f"val_{name}": scores.value(name) for name in NAMES if name in scores.metrics}
        criterion = "val_score" if "val_score" in values else "val_AP50"
        return Scores(values=values, criterion=criterion)

    def found(self, run: Run, model: BuildingModel) -> Iterator[TileFound]:
        """What the model finds on each tile, in its order."""
        model.eval()
        half = HALF_TYPES.get(run.config.precision)
        device = run.fabric.device
        kinds = {"rgb": self.modalities != "sar", "sar": self.modalities != "rgb"}
        for row in range(len(self.store)):
            images = self.store[row].images
            height, width = images.valid.shape
            batch = shown_batch([filled_up(images)], **kinds).to(device)
            with (
                torch.no_grad(),
                torch.autocast(
                    device.type, dtype=half or torch.bfloat16, enabled=half is not None
                ),
            ):
                (found,) = model.find(batch)
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
        number: what stands for its image id.
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


def is_finite(found: Sequence[TileFound]) -> bool:
    """Whether all scores and heights are numbers."""
    return all(
        bool(np.isfinite(one.scores).all())
        and (one.height is None or bool(np.isfinite(one.height).all()))
        for one in found
    )
