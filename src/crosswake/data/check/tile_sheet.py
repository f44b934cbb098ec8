"""Draws a sheet of building tiles: of each tile the RGB image with its outlines, the SAR image, and
the heights; without heights the RGB image by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.drawing import any_script
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.core.text import counted, cut_short
from crosswake.data.check.sheets import (
    BACKGROUND,
    CARD,
    DPI,
    FAINT,
    MARGIN,
    TEXT,
    WIDTH,
    spread,
    to_display,
)
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.masks import Mask, masks_of
from crosswake.data.pixels import Pixels, read_bands
from crosswake.data.tiles import Building, Tile, TileData

ROOF_COLOURS = (
    "#4fc3f7",
    "#ff7043",
    "#ffd54f",
    "#66bb6a",
    "#ba68c8",
    "#ef5350",
    "#f48fb1",
    "#26a69a",
    "#d4e157",
    "#8d9bff",
    "#ffb74d",
    "#eceff1",
)
"""Of the classes of track 1, in their order; buildings of track 2 have the first."""
BARE_COLOUR = "#ff1744"
"""Of a footprint without any height under it."""
TILES_ON_SHEET = 4
GAP_ACROSS, TITLE, ROW, HEADS, NAME = 12, 92, 22, 30, 36
"""Pixels between images; heights of the title, of a row of the legend, of the line that says what
the columns are, and of the line above a tile."""
CLASSES_ACROSS = 6
TINT = 0.2
"""Share of its colour that a footprint's inside takes."""
HEIGHT_COLOURS = "magma"


def draw_tile_sheet(data: TileData, path: Path, origin: Origin) -> None:
    """Draw a few tiles of different cities to a PNG; unreadable images are left blank.

    Raises:
        CrosswakeError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    tiles = shown_tiles(data)
    side = (WIDTH - 2 * MARGIN - 2 * GAP_ACROSS) / 3
    head = TITLE + -(-len(data.classes) // CLASSES_ACROSS) * ROW + HEADS
    height = head + len(tiles) * (side + NAME + GAP_ACROSS) + MARGIN / 2
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    with any_script():
        images = [read_shown(tile) for tile in tiles]
        tallest = tallest_of(images)
        write_head(axes, data, tallest)
        write_classes(axes, data)
        write_columns(axes, data, head - HEADS / 2, side + GAP_ACROSS)
        for place, (tile, shown) in enumerate(zip(tiles, images, strict=True)):
            top = head + place * (side + NAME + GAP_ACROSS)
            draw_tile(axes, data, tile, shown, (top, side, tallest))
        with replacing(path) as part:
            figure.savefig(part, format="png", metadata={ORIGIN_KEY: origin_text(origin)})


def shown_tiles(data: TileData) -> list[Tile]:
    """One tile of each of a few cities: of those with the most classes the one with the middle
    number of buildings. Only tiles with references, where there are some."""
    annotated = [tile for tile in data.tiles if tile.buildings]
    candidates = annotated or list(data.tiles)
    cities = sorted({tile.city for tile in candidates})
    if len(cities) < 2:
        return spread(candidates, TILES_ON_SHEET)
    chosen = []
    for city in spread(cities, TILES_ON_SHEET):
        own = [tile for tile in candidates if tile.city == city]
        most = max(map(classes_on, own))
        own = [tile for tile in own if classes_on(tile) == most]
        own.sort(key=lambda tile: len(tile.buildings or ()))
        chosen.append(own[len(own) // 2])
    return chosen


def classes_on(tile: Tile) -> int:
    """How many classes the buildings of a tile have."""
    return len({building.category for building in tile.buildings or ()})


def read_shown(tile: Tile) -> dict[str, Pixels]:
    """(bands, rows, columns) of each image of a tile that can be read."""
    images = {}
    for kind, path in (("rgb", tile.rgb), ("sar", tile.sar), ("dsm", tile.height)):
        try:
            if path is not None:
                images[kind] = read_bands(path)
        except UnreadableChipError:
            continue
    return images


def tallest_of(images: Sequence[dict[str, Pixels]]) -> float:
    """Upper end of the scale of heights, metres; 0 without any height."""
    heights = [
        one["dsm"][np.isfinite(one["dsm"]) & (one["dsm"] > 0)] for one in images if "dsm" in one
    ]
    known = np.concatenate([part.ravel() for part in heights]) if heights else np.array([])
    return float(np.ceil(np.percentile(known, 99) / 5) * 5) if known.size else 0.0


def draw_tile(
    axes: Any,
    data: TileData,
    tile: Tile,
    shown: dict[str, Pixels],
    place: tuple[float, float, float],
) -> None:
    """A line about a tile, and its three images below."""
    top, side, tallest = place
    middle = top + NAME / 2
    name = f"{tile.split}   {cut_short(tile.stem, 60)}"
    axes.text(MARGIN, middle, name, color=TEXT, size=11, weight="bold", va="center")
    about = counted(len(tile.buildings or ()), "building")
    if tile.buildings is None:
        about = "no references"
    if "dsm" in shown:
        about += f", up to {np.nanmax(shown['dsm']):.0f} m"
    axes.text(WIDTH - MARGIN, middle, about, color=FAINT, size=10, va="center", ha="right")
    for number, image in enumerate(panels_of(data, tile, shown, tallest)):
        left = MARGIN + number * (side + GAP_ACROSS)
        extent = (left, left + side, top + NAME + side, top + NAME)
        if image is None:
            axes.fill(
                [left, left + side, left + side, left],
                [extent[3], extent[3], extent[2], extent[2]],
                color=CARD,
            )
            where = (left + side / 2, top + NAME + side / 2)
            axes.text(*where, "no image", color=FAINT, size=10, ha="center", va="center")
        else:
            axes.imshow(image, extent=extent, aspect="auto", interpolation="antialiased")


def panels_of(
    data: TileData, tile: Tile, shown: dict[str, Pixels], tallest: float
) -> list[NDArray[np.uint8] | None]:
    """RGB with outlines, SAR, and heights or the plain RGB image; None for what is not there."""
    rgb = to_display(shown["rgb"].transpose(1, 2, 0), Modality.OPTICAL) if "rgb" in shown else None
    heights = shown["dsm"][0] if "dsm" in shown else None
    outlined = None if rgb is None else with_outlines(rgb, tile, heights)
    # Amplitudes of roofs and of walls differ by orders of magnitude.
    radar = np.log(np.maximum(shown["sar"][0].astype(np.float64), 1e-6)) if "sar" in shown else None
    third = rgb
    if data.track == 2:
        third = None if heights is None else in_heat(heights, tallest)
    return [outlined, None if radar is None else to_display(radar, Modality.SAR), third]


def with_outlines(rgb: NDArray[np.uint8], tile: Tile, heights: Pixels | None) -> NDArray[np.uint8]:
    """An image (rows, columns, 3) with each footprint filled a little, and its edge."""
    from matplotlib.colors import to_rgb

    image = rgb.astype(np.float64)
    shape = (rgb.shape[0], rgb.shape[1])
    buildings, masks = masks_of(tile.buildings or (), shape)
    for building, mask in zip(buildings, masks, strict=True):
        colour = 255 * np.array(to_rgb(colour_of(building, mask, heights)))
        image[mask] = (1 - TINT) * image[mask] + TINT * colour
        image[edge_of(mask)] = colour
    drawn: NDArray[np.uint8] = image.astype(np.uint8)
    return drawn


def colour_of(building: Building, mask: Mask, heights: Pixels | None) -> str:
    """Of its class, or of footprints without height."""
    if heights is not None and heights.shape == mask.shape and not (heights[mask] > 0).any():
        return BARE_COLOUR
    return ROOF_COLOURS[(building.category - 1) % len(ROOF_COLOURS)]


def edge_of(mask: Mask) -> Mask:
    """The pixels of a mask that lie within two pixels of its edge; the tile's own edge is none."""
    inner = mask.copy()
    for _ in range(2):
        padded = np.pad(inner, 1, constant_values=True)
        inner = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1]
        inner &= padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def in_heat(heights: Pixels, tallest: float) -> NDArray[np.uint8]:
    """Heights (rows, columns) in colours; what is not finite is grey. By the root, since most
    houses are low and a few towers are not."""
    from matplotlib import colormaps

    scaled = np.sqrt(np.clip(np.nan_to_num(heights) / max(tallest, 1e-6), 0, 1))
    colours = (255 * colormaps[HEIGHT_COLOURS](scaled)[..., :3]).astype(np.uint8)
    colours[~np.isfinite(heights)] = 128
    return colours


def write_head(axes: Any, data: TileData, tallest: float) -> None:
    """Name and counts at the left, the scale of heights at the right."""
    title = f"{cut_short(data.name, 40)}"
    axes.text(MARGIN, 36, title, color=TEXT, size=20, weight="bold", va="center")
    known = sum(len(tile.buildings or ()) for tile in data.tiles)
    about = f"{counted(len(data.tiles), 'tile')}, {counted(known, 'building')}"
    if data.cities:
        about += f", {counted(len(data.cities), 'city')}"
    if data.simulated:
        about += "; simulated"
    axes.text(MARGIN, 66, about, color=FAINT, size=11, va="center")
    if data.track == 2 and tallest:
        left, right = WIDTH - MARGIN - 360, WIDTH - MARGIN
        ramp = in_heat(np.linspace(0, tallest, 720)[None].repeat(2, 0), tallest)
        axes.imshow(ramp, extent=(left, right, 48, 30), aspect="auto")
        for share, side in ((0.0, "left"), (0.25, "center"), (0.5, "center"), (1.0, "right")):
            text = f"{share * tallest:.3g} m" + (" and more" if share == 1 else "")
            axes.text(left + share * 360, 62, text, color=TEXT, size=9, va="center", ha=side)
        axes.text(left - 14, 39, "height", color=TEXT, size=11, va="center", ha="right")


def write_classes(axes: Any, data: TileData) -> None:
    """The colours of the classes, above the tiles."""
    entries = list(zip(data.classes, ROOF_COLOURS, strict=False))
    if data.track == 2:
        entries.append(("footprint without any height", BARE_COLOUR))
    for place, (name, colour) in enumerate(entries):
        row, column = divmod(place, CLASSES_ACROSS)
        x = MARGIN + column * (WIDTH - 2 * MARGIN) / CLASSES_ACROSS
        y = TITLE + 4 + row * ROW
        axes.plot([x, x + 22], [y, y], color=colour, linewidth=6, solid_capstyle="butt")
        axes.text(x + 30, y, name, color=TEXT, size=10, va="center")


def write_columns(axes: Any, data: TileData, y: float, step: float) -> None:
    """What the three images of a tile are."""
    third = "height above ground" if data.track == 2 else "RGB"
    for place, text in enumerate(("RGB with outlines", "SAR, logarithm, 1 to 99 %", third)):
        axes.text(MARGIN + place * step, y, text, color=FAINT, size=10, va="center")
