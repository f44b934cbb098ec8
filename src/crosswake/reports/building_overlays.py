"""Pictures of tiles: what was found right, what is wrong, what was missed, and heights beside."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosswake.buildings.outcomes import TileOutcome
from crosswake.buildings.results import Instance, mask_of_instance
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pixels import read_bands
from crosswake.data.radiometry import to_uint8
from crosswake.data.tiles import Tile

RIGHT_COLOUR, WRONG_COLOUR, MISSED_COLOUR = (0, 214, 143), (255, 64, 120), (255, 200, 30)
"""Green, red and yellow; also told apart by their fill: a missed building has none."""
FILL = 0.28
SIDE = 512
"""Pixels along the longer side of a picture at least; small tiles are enlarged."""
PANEL_GAP = 12
LEAST_TOP = 10.0
"""Metres that the brightest colour of heights stands for at least."""
GROUND_COLOUR = (24, 30, 38)

Picture = NDArray[np.uint8]


def tile_picture(tile: Tile | None, outcome: TileOutcome) -> Picture:
    """(rows, columns, 3): the tile with its buildings, and for heights the true and the predicted
    map beside it."""
    panels = [outlined(background(tile, outcome.reference.size), outcome)]
    truth = outcome.reference.height
    if truth is not None:
        found = outcome.found.height if outcome.found else None
        top = max(LEAST_TOP, float(np.nanmax(truth)))
        panels += [height_colours(truth, top), height_colours(found, top, truth.shape)]
    return side_by_side([enlarged(one) for one in panels])


def background(tile: Tile | None, size: tuple[int, int]) -> Picture:
    """The optical image; else the radar image, else grey."""
    for path, modality in (
        (tile.rgb if tile else None, Modality.OPTICAL),
        (tile.sar if tile else None, Modality.SAR),
    ):
        try:
            bands = read_bands(path) if path else None
        except UnreadableChipError:
            continue
        if bands is None or bands.shape[1:] != tuple(size):
            continue
        if modality is Modality.OPTICAL and len(bands) >= 3 and bands.dtype == np.uint8:
            return np.ascontiguousarray(bands[:3].transpose(1, 2, 0))
        if modality is Modality.SAR:
            return np.asarray(to_uint8(bands[0], Modality.SAR, "log"))
    return np.full((*size, 3), 96, np.uint8)


def outlined(picture: Picture, outcome: TileOutcome) -> Picture:
    """The picture with the buildings drawn into it; what was found lies over what was missed."""
    shown = picture.astype(np.float32)
    size = outcome.reference.size
    for instances, colour, fill in (
        (outcome.missed, MISSED_COLOUR, 0.0),
        (outcome.wrong, WRONG_COLOUR, FILL),
        (outcome.right, RIGHT_COLOUR, FILL),
    ):
        inside, edge = painted(instances, size)
        shown[inside] = (1 - fill) * shown[inside] + fill * np.array(colour)
        shown[edge] = colour
    return shown.round().astype(np.uint8)


def painted(
    instances: Sequence[Instance], size: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the buildings are, and where their edges are, two pixels wide, inside of them."""
    from scipy.ndimage import binary_erosion

    inside, edge = np.zeros(size, bool), np.zeros(size, bool)
    width = 2 if max(size) >= SIDE else 1
    for instance in instances:
        mask = mask_of_instance(instance, size)
        inside |= mask
        edge |= mask & ~binary_erosion(mask, iterations=width)
    return inside, edge


def height_colours(
    metres: NDArray[np.floating] | None, top: float, size: tuple[int, ...] = (SIDE, SIDE)
) -> Picture:
    """Heights from 0 to ``top`` metres as colours; exactly 0 is dark grey; none are a cross."""
    from matplotlib import colormaps

    if metres is None:
        picture = np.full((*size, 3), 40, np.uint8)
        diagonal = np.linspace(0, 1, 2 * max(size))
        rows = (diagonal * (size[0] - 1)).astype(int)
        columns = (diagonal * (size[1] - 1)).astype(int)
        picture[rows, columns] = picture[rows, columns[::-1]] = 120
        return picture
    share = np.clip(np.nan_to_num(metres / top), 0, 1)
    colours = np.asarray(colormaps["viridis"](0.12 + 0.88 * share)[..., :3] * 255, np.uint8)
    colours[metres == 0] = GROUND_COLOUR
    return colours


def enlarged(picture: Picture) -> Picture:
    """A small picture, each pixel a square, of at least 512 pixels."""
    times = max(1, round(SIDE / max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def side_by_side(panels: Sequence[Picture]) -> Picture:
    """Panels of one height with white between them."""
    white = np.full((panels[0].shape[0], PANEL_GAP, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (white, panel)][1:]
    return np.concatenate(parts, axis=1)


def write_picture(path: Path, picture: Picture, origin: Origin) -> None:
    """As a PNG that says what it was made from."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(ORIGIN_KEY, origin_text(origin))
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, "PNG", pnginfo=info, optimize=True)
