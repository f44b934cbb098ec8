"""Which of the buildings that were found are true: matched by pycocotools, tile by tile, and kept
so that precision can be averaged over any draw of the tiles.

Source: the contest's scoring program, which is COCO's (Lin et al., "Microsoft COCO: Common Objects
in Context", ECCV 2014) for masks with at most 100, 300 or 1000 a tile."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.results import TileResult, coco_masks, run_length
from crosswake.core.extras import require

COUNTED_AT_MOST = (100, 300, 1000)
"""How many of a class on a tile count, those of the highest scores: COCO's ``maxDets``."""
SIZES = ("all", "small", "medium", "large")
"""COCO's area ranges: below 32 x 32 pixels, up to 96 x 96, and above."""
OVERLAPS = tuple((0.5 + 0.05 * np.arange(10)).round(2).tolist())
"""The ten thresholds of intersection over union."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What a metric averages: which overlaps, which sizes, how many of a class on a tile."""

    overlaps: tuple[float, ...] = OVERLAPS
    size: str = "all"
    most: int = 1000


CUTS: Mapping[str, Cut] = {
    "mAP": Cut(most=100),
    "AP50": Cut(overlaps=(0.5,)),
    "AP75": Cut(overlaps=(0.75,)),
    "APs": Cut(size="small"),
    "APm": Cut(size="medium"),
    "APl": Cut(size="large"),
}
"""The contest's metrics of masks; each is the mean over the classes that have references."""
CLASS_CUTS: Mapping[str, Cut] = {"AP": Cut(), "AP50": CUTS["AP50"]}
"""What is said of each class: over all overlaps, and at one half, 1000 on a tile."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What was found of one class over all tiles, judged at one overlap.

    Attributes:
        tile: (D,) row of the tile of each, by descending score; without those that neither count
            for nor against.
        hits: (H,) places in ``tile`` of those that are true.
        references: (I,) number of true buildings on each tile.
    """

    tile: NDArray[np.int64]
    hits: NDArray[np.int64]
    references: NDArray[np.int64]


class TileMatches:
    """The matches of all tiles and classes.

    Args:
        references: what truly stands on the tiles, I of them.
        predictions: what was found, by image id; a tile without any counts as nothing found.
        classes: number of classes.
    """

    def __init__(
        self, references: Sequence[TileResult], predictions: Mapping[int, TileResult], classes: int
    ) -> None:
        self.tiles, self.classes = len(references), classes
        self._judge = judged(references, predictions, classes)
        self._curves: dict[tuple[int, Cut], list[Curve]] = {}

    def curves(self, category: int, cut: Cut) -> list[Curve]:
        """One for each overlap of the cut; ``category`` counts from 1."""
        key = (category, cut)
        if key not in self._curves:
            self._curves[key] = [self._curve(category, cut, one) for one in cut.overlaps]
        return self._curves[key]

    def of_tile(self, category: int, row: int) -> dict[str, Any] | None:
        """pycocotools' record of one class on one tile, all sizes; None without any building."""
        record: dict[str, Any] | None = self._judge[self._start(category, "all") + row]
        return record

    def _start(self, category: int, size: str) -> int:
        return ((category - 1) * len(SIZES) + SIZES.index(size)) * self.tiles

    def _curve(self, category: int, cut: Cut, overlap: float) -> Curve:
        start = self._start(category, cut.size)
        records = self._judge[start : start + self.tiles]
        row = OVERLAPS.index(overlap)
        references = [0 if e is None else int(np.sum(e["gtIgnore"] == 0)) for e in records]
        some = [(place, e) for place, e in enumerate(records) if e is not None]
        scores = joined([e["dtScores"][: cut.most] for _, e in some])
        hit = joined([e["dtMatches"][row, : cut.most] > 0 for _, e in some])
        ignored = joined([e["dtIgnore"][row, : cut.most] for _, e in some]).astype(bool)
        tile = joined([np.full(len(e["dtScores"][: cut.most]), place) for place, e in some])
        order = np.argsort(-scores, kind="mergesort")
        order = order[~ignored[order]]
        return Curve(
            tile=tile[order].astype(np.int64),
            hits=np.flatnonzero(hit[order]),
            references=np.array(references, dtype=np.int64),
        )


def joined(parts: list[Any]) -> NDArray[Any]:
    """Arrays one after the other; none are an empty one."""
    return np.concatenate([np.zeros(0), *map(np.asarray, parts)])


def judged(
    references: Sequence[TileResult], predictions: Mapping[int, TileResult], classes: int
) -> list[dict[str, Any] | None]:
    """pycocotools' ``evalImgs``: by class, size range and tile, tiles in the given order."""
    module = require("pycocotools.cocoeval", "buildings", "measuring buildings")
    found = [predictions.get(one.image_id) for one in references]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints how far it is
        judge = module.COCOeval(
            coco_index(references, classes, true=True),
            coco_index(found, classes, true=False),
            "segm",
        )
        judge.params.maxDets = list(COUNTED_AT_MOST)
        judge.evaluate()
    records: list[dict[str, Any] | None] = judge.evalImgs
    return records


def coco_index(results: Sequence[TileResult | None], classes: int, true: bool) -> Any:
    """A ``COCO`` of results; tiles are numbered by their row, so that order cannot change."""
    module = require("pycocotools.coco", "buildings", "measuring buildings")
    index = module.COCO()
    sizes = [one.size if one else (0, 0) for one in results]
    index.dataset = {
        "images": [{"id": row, "height": h, "width": w} for row, (h, w) in enumerate(sizes)],
        "categories": [{"id": number + 1} for number in range(classes)],
        "annotations": annotations(results, true),
    }
    index.createIndex()
    return index


def annotations(results: Sequence[TileResult | None], true: bool) -> list[dict[str, Any]]:
    """All instances as COCO has them, numbered from 1: 0 would stand for no match."""
    masks = coco_masks()
    listed: list[dict[str, Any]] = []
    for row, one in enumerate(results):
        for instance in one.instances if one else ():
            shape = run_length(instance, one.size if one else (0, 0))
            area = instance.area if true and instance.area is not None else masks.area(shape)
            record = {"id": len(listed) + 1, "image_id": row, "category_id": instance.category}
            looks = {"segmentation": shape, "area": float(area), "score": instance.score}
            listed.append(record | looks | {"iscrowd": int(true and instance.crowd)})
    return listed
