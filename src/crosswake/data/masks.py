"""Outlines of buildings, polygons or run-lengths as COCO has them, to masks and back.

Nothing damaged reaches pycocotools, whose C code would read beyond its memory. Run-lengths are read
and written here (Lin et al., "Microsoft COCO", ECCV 2014, and its published mask format); polygons
are drawn by pycocotools, so that a mask has the very pixels that the contest's scorer counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.boxes import Size
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.data.tiles import Building, Outline

Mask = NDArray[np.bool_]
"""(rows, columns), True on the building."""
FAR_OFF = 16
"""A coordinate that lies this many tile sides off cannot be meant; to draw there takes for ever."""
BEYOND_SAID = 1.0
"""Pixels that an outline may reach beyond the tile before it is said."""


class BadOutlineError(CrosswakeError):
    """An outline that cannot become a mask; its text is the reason."""


def mask_of(outline: Outline, shape: Size) -> Mask:
    """The pixels of an outline, (rows, columns); several polygons are united.

    Args:
        outline: polygons in pixels, or run-lengths, compressed or not.
        shape: rows and columns of the tile.

    Raises:
        BadOutlineError: it has no such form, or is of another size.
        CrosswakeError: pycocotools is not installed, and it is polygons.
    """
    fault = form_fault(outline, shape)
    if fault:
        raise BadOutlineError(fault)
    return drawn(outline, shape)


def masks_of(buildings: Iterable[Building], shape: Size) -> tuple[list[Building], Mask]:
    """The buildings whose outline can become a mask, and the masks, (buildings, rows, columns).

    The others are left out; ``buildings check`` says which they are and why.
    """
    usable = [one for one in buildings if not form_fault(one.outline, shape)]
    masks = np.zeros((len(usable), *shape), np.bool_)
    for place, building in enumerate(usable):
        masks[place] = drawn(building.outline, shape)
    return usable, masks


def drawn(outline: Outline, shape: Size) -> Mask:
    """As :func:`mask_of`, of an outline of which the form is known to be good."""
    if isinstance(outline, Mapping):
        return mask_of_counts(listed_counts(outline["counts"]), shape)
    coco = require("pycocotools.mask", "buildings", "drawing polygons")
    runs = coco.merge(coco.frPyObjects([list(map(float, one)) for one in outline], *shape))
    return mask_of_counts(counts_of(runs["counts"]), shape)


def outline_fault(outline: Outline, shape: Size) -> str:
    """Why an outline cannot become a mask, or is doubtful; empty when it is fine."""
    return form_fault(outline, shape) or doubt_of(outline, drawn(outline, shape))


def form_fault(outline: object, shape: Size) -> str:
    """Why an outline cannot become a mask of (rows, columns); empty when it can."""
    if isinstance(outline, Mapping):
        return run_length_fault(outline, shape)
    if not isinstance(outline, list | tuple):
        return "outline is neither polygons nor run-lengths"
    if not outline:
        return "outline is empty"
    return next(filter(None, (polygon_fault(one, shape) for one in outline)), "")


def polygon_fault(polygon: object, shape: Size) -> str:
    """Why ``[x0, y0, x1, y1, ...]`` is no polygon; empty when it is one."""
    if not isinstance(polygon, list | tuple):
        return "polygon is not a list of coordinates"
    try:
        values = np.array(polygon, np.float64)
    except (TypeError, ValueError, OverflowError):
        return "polygon with coordinates that are no numbers"
    if values.ndim != 1:
        return "polygon is not a flat list of coordinates"
    if len(values) % 2:
        return f"polygon of an odd number of coordinates ({len(values)})"
    if len(values) < 6:
        return f"polygon of fewer than 3 points ({len(values) // 2})"
    if not np.isfinite(values).all():
        return "polygon with coordinates that are not finite"
    if np.abs(values).max() > FAR_OFF * max(shape):
        return f"polygon far off the tile (a coordinate of {values[np.abs(values).argmax()]:.6g})"
    return ""


def run_length_fault(runs: Mapping[str, Any], shape: Size) -> str:
    """Why ``{"size": .., "counts": ..}`` is no mask of (rows, columns); empty when it is one."""
    if not {"size", "counts"} <= runs.keys():
        return "run-lengths without size or counts"
    size = runs["size"]
    if not isinstance(size, list | tuple) or list(size) != list(shape):
        of = " x ".join(map(str, size)) if isinstance(size, list | tuple) else size
        return f"run-lengths of another size than the tile ({of}, not {shape[0]} x {shape[1]})"
    try:
        counts = listed_counts(runs["counts"])
    except BadOutlineError as error:
        return str(error)
    if min(counts, default=0) < 0:
        return f"run-lengths with a negative count ({min(counts)})"
    if sum(counts) != shape[0] * shape[1]:
        total = f"{sum(counts):,}, not {shape[0] * shape[1]:,}"
        return f"run-lengths that do not add up to the size ({total})"
    return ""


def doubt_of(outline: Outline, mask: Mask) -> str:
    """What is doubtful about an outline of good form, given its mask; empty when nothing is."""
    if not isinstance(outline, Mapping):
        doubt = next(filter(None, (place_doubt(one, mask.shape) for one in outline)), "")
        if doubt:
            return doubt
    if not mask.any():
        return "outline covers no pixel"
    if isinstance(outline, Mapping):
        return ""
    return next(filter(None, map(crossing, outline)), "")


def place_doubt(polygon: Sequence[float], shape: tuple[int, ...]) -> str:
    """Whether a polygon lies off the tile, or partly so."""
    points = np.array(polygon, np.float64).reshape(-1, 2)
    ends = np.array(shape[::-1], np.float64)
    if (points.max(axis=0) <= 0).any() or (points.min(axis=0) >= ends).any():
        return "polygon off the tile"
    beyond = float(max((-points).max(), (points - ends).max()))
    if beyond > BEYOND_SAID:
        return f"polygon reaches beyond the tile (by {beyond:.1f} pixels)"
    return ""


def crossing(polygon: Sequence[float]) -> str:
    """Whether and where a polygon crosses itself (OGC Simple Features, a valid polygon)."""
    shapely = require("shapely", "buildings", "checking outlines")
    points = np.array(polygon, np.float64).reshape(-1, 2)
    ring = shapely.Polygon(points)
    if ring.is_valid:
        return ""
    reason, _, where = str(shapely.is_valid_reason(ring)).partition("[")
    at = " ".join(f"{float(value):.1f}" for value in where.rstrip("]").split())
    if "elf-intersection" in reason:
        return f"polygon crosses itself (at {at})"
    return f"polygon is not valid ({reason.lower()})"


def listed_counts(counts: object) -> list[int]:
    """Run-lengths as numbers, of either form.

    Raises:
        BadOutlineError: they are neither a list of whole numbers nor compressed text.
    """
    if isinstance(counts, str | bytes):
        return counts_of(counts)
    if not isinstance(counts, list | tuple):
        raise BadOutlineError("run-lengths that are neither numbers nor text")
    if not all(type(count) is int for count in counts):
        raise BadOutlineError("run-lengths that are not whole numbers")
    return list(counts)


def counts_of(text: str | bytes) -> list[int]:
    """Compressed run-lengths as numbers: each in groups of 5 bits, the lowest first, 48 added to
    each; from the fourth number on, the difference to the number two before.

    Raises:
        BadOutlineError: a character that none of them is, or a number without its end.
    """
    counts: list[int] = []
    value = shift = 0
    codes = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    for code in codes:
        group = code - 48
        if not 0 <= group < 64:
            raise BadOutlineError("compressed run-lengths with a character that has no meaning")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            if shift > 60:
                raise BadOutlineError("compressed run-lengths with a number that does not end")
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise BadOutlineError("compressed run-lengths are cut off")
    return counts


def counts_text(counts: Sequence[int]) -> str:
    """Run-lengths, compressed; what :func:`counts_of` reads."""
    codes = bytearray()
    for place, count in enumerate(counts):
        value = int(count) - (int(counts[place - 2]) if place > 2 else 0)
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != (-1 if group & 16 else 0)
            codes.append(group + (32 if more else 0) + 48)
    return codes.decode("ascii")


def mask_of_counts(counts: Sequence[int], shape: Size) -> Mask:
    """Run-lengths that fill (rows, columns), column after column, the first one off the mask."""
    turns = np.arange(len(counts)) % 2 == 1
    return np.repeat(turns, counts).reshape(shape, order="F")


def run_lengths_of(mask: Mask) -> dict[str, Any]:
    """A mask (rows, columns) as COCO's ``{"size": [rows, columns], "counts": text}``."""
    line = np.asarray(mask, np.bool_).ravel(order="F")
    turns = np.flatnonzero(line[1:] != line[:-1]) + 1
    starts = [0] if line.size and line[0] else []  # the first run is off the mask, if of length 0
    counts = np.diff(np.concatenate([starts, [0], turns, [line.size]]))
    rows, columns = mask.shape
    return {"size": [rows, columns], "counts": counts_text(counts.astype(int).tolist())}


def box_of(mask: Mask) -> tuple[float, float, float, float]:
    """x, y, width and height of a mask's pixels; zeros where there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    top, left = int(rows[0]), int(columns[0])
    return float(left), float(top), float(columns[-1] - left + 1), float(rows[-1] - top + 1)
