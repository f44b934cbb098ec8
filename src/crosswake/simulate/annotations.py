"""The references of a tile: an outline for each building, as polygons or as run-lengths."""

from typing import Any

import numpy as np

from crosswake.simulate.geometry import CELL
from crosswake.simulate.parts import Array
from crosswake.simulate.roofs import House
from crosswake.simulate.town import Town, roof_number

LEAST_AREA = 40
"""Pixels (10 square metres) below which a building is not annotated: a sliver at the edge."""


def annotations_of(town: Town) -> list[dict[str, Any]]:
    """COCO annotations of a tile, without the numbers that its file gives.

    A plain building that lies whole on the tile is a polygon, any other one uncompressed
    run-lengths; the contest mixes both forms too.
    """
    ids = town.ids[town.inner]
    found = []
    for number in np.unique(ids[ids > 0]):
        house, mask = town.houses[number - 1], ids == number
        area = int(mask.sum())
        if area < LEAST_AREA:
            continue
        rows, columns = np.nonzero(mask)
        top, left = int(rows.min()), int(columns.min())
        box = [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1]
        outline: Any = polygon_of(house, town, area) or whole_counts(mask)
        found.append(
            {
                "segmentation": outline,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "category_id": roof_number(house),
            }
        )
    return found


def polygon_of(house: House, town: Town, area: int) -> list[list[float]] | None:
    """Corners x, y in pixels of a plain building, or None where it is cut or not plain."""
    if not house.plain:
        return None
    rows, columns = town.ids.shape
    size = rows - 2 * town.margin, columns - 2 * town.margin
    points = [(s / CELL - town.margin, t / CELL - town.margin) for s, t in house.corners()]
    if any(not (0 <= r <= size[0] and 0 <= c <= size[1]) for r, c in points):
        return None
    plan = house.length * house.width if house.roof != "revolved" else np.pi * house.width**2 / 4
    if abs(area * CELL**2 / plan - 1) > 0.04:  # a neighbour or a street took a corner
        return None
    return [[round(value, 2) for row, column in points for value in (column, row)]]


def whole_counts(mask: Array) -> dict[str, Any]:
    """Run-lengths of a mask, column by column, that begin_tiles with the number of zeros."""
    flat = np.concatenate([[0], mask.ravel(order="F").astype(np.int8), [1 - mask[-1, -1]]])
    edges = np.flatnonzero(np.diff(flat))
    counts = np.diff(np.concatenate([[0], edges]))
    return {"size": list(mask.shape), "counts": counts.tolist()}
