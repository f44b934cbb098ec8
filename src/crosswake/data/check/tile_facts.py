"""Looks at one tile: its images, its heights and every building on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.boxes import Size
from crosswake.data.check.facts import Finding, Level, digest_of, value_faults
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.masks import Mask, box_of, doubt_of, drawn, form_fault
from crosswake.data.pixels import Pixels, read_bands
from crosswake.data.tiles import Building, Outline, Tile

BOX_SLACK = 2.0
"""Pixels between a box and its outline that are not worth a word: corners of polygons lie between
pixels."""
PADDING_SAID = 0.01
"""Share of black pixels from which on a tile is said to be padded."""
HEIGHT_EDGES = (0.0, 3.0, 6.0, 10.0, 20.0, 40.0, 80.0)
"""Metres at which the classes of heights begin; the first is above the ground."""
NO_HEIGHT = "footprint without any height under it"
IMAGE_TYPES = {"rgb": (3, "uint8"), "sar": (1, "float32"), "dsm": (1, "float32")}
"""Bands and number type of the contest's files."""
IMAGE_NAMES = {"rgb": "RGB image", "sar": "SAR image", "dsm": "height map"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildingFacts:
    """What one building is.

    Attributes:
        category: from 1.
        area: in pixels of its mask.
        height: mean over the pixels that have one, metres; 0 where none has, NaN without a map.
    """

    category: int
    area: int
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TileContent:
    """What one tile is.

    Attributes:
        shape: rows and columns; None if no image could be read.
        padding: share of pixels with R = G = B = 0.
        digest: of the RGB pixels; empty if they could not be read.
        built: share of pixels under a footprint.
        ground: share of pixels of height 0 or less; NaN without a height map.
        heights: pixels in each class of :data:`HEIGHT_EDGES`.
        buildings: those with a usable outline.
    """

    shape: Size | None
    padding: float = 0.0
    digest: str = ""
    built: float = 0.0
    ground: float = float("nan")
    heights: tuple[int, ...] = ()
    buildings: tuple[BuildingFacts, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TileLook:
    """A tile's facts, and what is the matter with it."""

    facts: TileContent
    findings: tuple[Finding, ...]


def look_at_tile(tile: Tile) -> TileLook:
    """Read every file of a tile once, and judge its buildings."""
    findings: list[Finding] = []
    images: dict[str, Pixels] = {}
    for kind, path in (("rgb", tile.rgb), ("sar", tile.sar), ("dsm", tile.height)):
        if path is not None:
            bands, found = look_at_image(kind, path)
            findings += found
            if bands is not None:
                images[kind] = bands
    findings += partner_findings(tile)
    findings += size_findings(tile, images)
    shape = next((bands.shape[1:] for bands in images.values()), tile.shape)
    if shape is None:
        return TileLook(facts=TileContent(shape=None), findings=tuple(findings))
    heights = images["dsm"][0] if "dsm" in images and images["dsm"].shape[1:] == shape else None
    buildings, built = look_at_buildings(tile, (shape[0], shape[1]), heights, findings)
    rgb = images.get("rgb")
    padding = 0.0 if rgb is None else float((rgb == 0).all(axis=0).mean())
    if padding >= PADDING_SAID and rgb is not None and padding < 1:
        reason = f"black padding ({100 * padding:.0f} % of the pixels)"
        findings.append(tile_finding(tile, "note", reason))
    facts = TileContent(
        shape=(shape[0], shape[1]),
        padding=padding,
        digest="" if rgb is None else digest_of(rgb),
        built=built,
        buildings=tuple(buildings),
        **height_facts(heights),
    )
    return TileLook(facts=facts, findings=tuple(findings))


def look_at_image(kind: str, path: Path) -> tuple[Pixels | None, list[Finding]]:
    """(bands, rows, columns) of a file and what is wrong with it; None if it is of no use."""
    try:
        bands = read_bands(path)
    except UnreadableChipError as error:
        return None, [Finding.of_file(path, "error", error.reason)]
    name, (count, number) = IMAGE_NAMES[kind], IMAGE_TYPES[kind]
    if len(bands) != count:
        reason = f"{name} of a wrong number of bands ({len(bands)}, not {count})"
        return None, [Finding.of_file(path, "error", reason)]
    return bands, [
        Finding.of_file(path, level, reason)
        for level, reason in (
            *type_faults(kind, str(bands.dtype), number),
            *(height_faults(bands[0]) if kind == "dsm" else image_faults(kind, bands)),
        )
    ]


def type_faults(kind: str, found: str, usual: str) -> Iterator[tuple[Level, str]]:
    """A number type that is not the contest's."""
    if found == usual:
        return
    if kind == "dsm" and np.dtype(found).kind in "iu":
        yield "error", f"heights in whole metres ({found}, not {usual})"
    else:
        level: Level = "error" if kind == "rgb" else "warning"
        yield level, f"{IMAGE_NAMES[kind]} of another number type ({found}, not {usual})"


def image_faults(kind: str, bands: Pixels) -> Iterator[tuple[Level, str]]:
    """Pixels that carry no image, as ``data check`` says it."""
    if kind == "rgb":
        return value_faults(bands.transpose(1, 2, 0), Modality.OPTICAL)
    return value_faults(bands[0], Modality.SAR)


def height_faults(heights: NDArray[Any]) -> Iterator[tuple[Level, str]]:
    """Heights that no building has."""
    if heights.dtype.kind == "f" and not np.isfinite(heights).all():
        share = 100 * float((~np.isfinite(heights)).mean())
        yield "error", f"heights that are not finite ({share:.2g} % of the pixels)"
    negative = heights < 0
    if negative.any():
        least = f"{100 * float(negative.mean()):.2g} % of the pixels, down to {heights.min():.3g} m"
        yield "warning", f"negative heights ({least})"


def partner_findings(tile: Tile) -> Iterator[Finding]:
    """Files that a tile lacks."""
    if tile.rgb is None:
        yield tile_finding(tile, "error", "no RGB image")
    if tile.sar is None:
        yield tile_finding(tile, "error", "no SAR image")


def size_findings(tile: Tile, images: Mapping[str, Pixels]) -> Iterator[Finding]:
    """Images that are not of one size, or not of the one that the JSON says."""
    if not images:
        return
    paths = {"rgb": tile.rgb, "sar": tile.sar, "dsm": tile.height}
    first = next(iter(images))
    expected = tile.shape or images[first].shape[1:]
    by = "the JSON" if tile.shape else f"the {IMAGE_NAMES[first]}"
    for kind, bands in images.items():
        rows, columns = bands.shape[1:]
        path = paths[kind]
        if (rows, columns) != tuple(expected) and path is not None:
            sizes = f"{rows} x {columns}, not {expected[0]} x {expected[1]} as {by} says"
            reason = f"{IMAGE_NAMES[kind]} of another size ({sizes})"
            yield Finding.of_file(path, "error", reason)


def look_at_buildings(
    tile: Tile, shape: Size, heights: NDArray[Any] | None, findings: list[Finding]
) -> tuple[list[BuildingFacts], float]:
    """Facts of the buildings of a tile, and the share of it that they cover."""
    seen: dict[str, int] = {}
    facts: list[BuildingFacts] = []
    built = np.zeros(shape, np.bool_)
    for building in tile.buildings or ():
        fault = form_fault(building.outline, shape)
        if fault:
            findings.append(building_finding(tile, building, "error", fault))
            continue
        first = seen.setdefault(str(building.outline), building.id)
        if first != building.id:
            reason = f"outline of another annotation again (that of {first})"
            findings.append(building_finding(tile, building, "warning", reason))
        mask = drawn(building.outline, shape)
        x, y, width, height = map(int, box_of(mask))
        window = np.s_[y : y + height, x : x + width]
        part = mask[window]
        built[window] |= part
        tall = float("nan") if heights is None else height_under(heights[window], part)
        facts.append(BuildingFacts(category=building.category, area=int(part.sum()), height=tall))
        doubts = [
            doubt_of(building.outline, mask),
            box_doubt(building, mask, (x, y, width, height)),
        ]
        if tall == 0 and part.any():
            doubts.append(NO_HEIGHT)
        findings += [
            building_finding(tile, building, "warning", doubt) for doubt in doubts if doubt
        ]
    return facts, float(built.mean())


def height_under(heights: NDArray[Any], mask: Mask) -> float:
    """Mean of the heights above 0 under a mask; 0 where there are none."""
    values = heights[mask]
    above = values[values > 0]
    return float(above.mean(dtype=np.float64)) if above.size else 0.0


def box_doubt(building: Building, mask: Mask, own: tuple[int, int, int, int]) -> str:
    """Whether a building's box lies off the tile or does not fit the box of its mask."""
    x, y, width, height = building.box
    rows, columns = mask.shape
    if width <= 0 or height <= 0:
        return f"box without extent ({width:g} x {height:g})"
    beyond = max(-x, -y, x + width - columns, y + height - rows)
    if beyond > BOX_SLACK:
        return f"box reaches beyond the tile (by {beyond:.1f} pixels)"
    if not own[2]:
        return ""
    edges = np.array([x, y, x + width, y + height])
    off = min(float(np.abs(edges - ends).max()) for ends in box_edges(building.outline, own))
    return f"box that does not fit its outline (off by {off:.1f} pixels)" if off > BOX_SLACK else ""


def box_edges(outline: Outline, own: tuple[int, int, int, int]) -> Iterator[NDArray[np.float64]]:
    """Left, top, right and bottom of a mask, given its box, and of the polygons' points: the tip of
    a roof may be too sharp to cover a pixel."""
    yield np.array([own[0], own[1], own[0] + own[2], own[1] + own[3]], np.float64)
    if not isinstance(outline, Mapping):
        points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in outline])
        yield np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float64)


def height_facts(heights: NDArray[Any] | None) -> dict[str, Any]:
    """Share of ground, and pixels in each class of heights."""
    if heights is None:
        return {}
    edges = [*HEIGHT_EDGES, np.inf]
    known = heights[np.isfinite(heights)]
    above = known[known > 0]
    counts = np.histogram(above, edges)[0]
    return {
        "ground": 1 - above.size / max(known.size, 1),
        "heights": tuple(int(count) for count in counts),
    }


def tile_finding(tile: Tile, level: Level, reason: str) -> Finding:
    """A finding about a tile."""
    return Finding.of_file(Path(tile.split) / tile.stem, level, reason)


def building_finding(tile: Tile, building: Building, level: Level, reason: str) -> Finding:
    """A finding about a building; its annotation id stands beside the tile."""
    named = Path(tile.split) / f"{tile.stem}, annotation {building.id}"
    return Finding.of_file(named, level, reason)
