"""Tiles with buildings for the tests: the contest's golden ones, and random ones."""

import json
from typing import Any

import numpy as np

from crosswake.buildings.results import Instance, TileResult, coco_masks, instance_of_mask
from tests.golden import golden


def golden_json(name: str) -> Any:
    """A file of ``golden/dfc23``."""
    return json.loads(golden(f"dfc23/{name}").read_text(encoding="utf-8"))


def golden_results(track: int) -> tuple[list[TileResult], list[TileResult]]:
    """References and submission of a track."""
    reference = golden_json(f"track{track}_reference.json")
    submission = golden_json(f"track{track}_submission.json")
    sizes = {one["id"]: (one["height"], one["width"]) for one in reference["images"]}
    heights = np.load(golden("dfc23/track2_heights.npz")) if track == 2 else {}
    both = []
    for name, records in (("reference", reference["annotations"]), ("prediction", submission)):
        tiles = []
        for number, size in sizes.items():
            mine = [one for one in records if one["image_id"] == number]
            height = heights[f"{name}_{number}"].astype(np.float32) if track == 2 else None
            instances = tuple(golden_instance(one, size) for one in mine)
            tiles.append(TileResult(image_id=number, instances=instances, height=height))
        both.append(tiles)
    return both[0], both[1]


def golden_instance(record: dict[str, Any], size: tuple[int, int]) -> Instance:
    """One annotation or detection."""
    outline = record["segmentation"]
    if isinstance(outline, list):
        masks = coco_masks()
        outline = masks.merge(masks.frPyObjects(outline, *size))
    counts = outline["counts"]
    return Instance(
        category=record["category_id"],
        counts=counts.encode() if isinstance(counts, str) else counts,
        score=record.get("score", 1.0),
        area=record.get("area"),
    )


def random_tiles(
    seed: int, tiles: int = 6, side: int = 64, classes: int = 3
) -> tuple[list[TileResult], list[TileResult]]:
    """Rectangles, and the same ones moved, renamed or left out, with others besides."""
    rng = np.random.default_rng(seed)
    references, predictions = [], []
    for number in range(tiles):
        true, found = [], []
        height = np.zeros((side, side), np.float32)
        for _ in range(rng.integers(0, 7)):
            category = int(rng.integers(1, classes + 1))
            box = rng.integers(0, side - 20, 2)
            extent = rng.integers(4, 20, 2)
            mask = rectangle(side, box, extent)
            height[mask] = rng.uniform(3, 40)
            true.append(instance_of_mask(mask, category))
            if rng.random() < 0.8:
                moved = rectangle(side, box + rng.integers(-3, 4, 2), extent)
                other = category if rng.random() < 0.8 else int(rng.integers(1, classes + 1))
                found.append(instance_of_mask(moved, other, rng.random()))
        for _ in range(rng.integers(0, 4)):
            mask = rectangle(side, rng.integers(0, side - 9, 2), rng.integers(3, 9, 2))
            found.append(instance_of_mask(mask, int(rng.integers(1, classes + 1)), rng.random()))
        noisy = height * rng.uniform(0.7, 1.4, height.shape).astype(np.float32)
        facts: dict[str, Any] = {"size": (side, side), "city": ("Nord", "Sud")[number % 2]}
        references.append(
            TileResult(image_id=number, instances=tuple(true), height=height, **facts)
        )
        predictions.append(
            TileResult(image_id=number, instances=tuple(found), height=noisy, **facts)
        )
    return references, predictions


def rectangle(side: int, corner: Any, extent: Any) -> Any:
    """A mask, cut at the edges."""
    mask = np.zeros((side, side), bool)
    (y, x), (h, w) = np.maximum(corner, 0), extent
    mask[y : y + h, x : x + w] = True
    return mask
