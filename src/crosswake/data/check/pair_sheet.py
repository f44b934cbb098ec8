"""Draws a contact sheet of pairs: of each source a few, optical beside SAR."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.text import counted
from crosswake.data.check.sheet import (
    ACCENT,
    BACKGROUND,
    CARD,
    DPI,
    FAINT,
    GAP,
    HEADER,
    INK,
    MARGIN,
    SECTION,
    WIDTH,
    save,
    to_display,
    write_legend,
)
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pair_pixels import read_pair
from crosswake.data.pairs import Pair, PairData, Pairs
from crosswake.data.pixels import Pixels

COLUMNS = 4
PAIRS_ON_SHEET = 24
"""Cards at most, shared among the sources."""
LABEL, CAPTION, PADDING, SPACE = 28, 24, 12, 8
"""Pixels above the images of a card, below them, at its sides, and between the two images."""
CARD_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
IMAGE = (CARD_WIDTH - 2 * PADDING - SPACE) / 2
CARD_HEIGHT = LABEL + IMAGE + CAPTION + 6
TITLES = {"sen12": "SEN1-2", "dfc23": "DFC23", "scenes": "Scenes", "optisar": "Pairs"}


def draw_pair_sheet(data: PairData, path: Path) -> None:
    """Draw a few pairs of each source, spread evenly over it, to a PNG; unreadable pairs are left
    blank.

    Raises:
        CrosswakeError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    sources = sorted({pair.source for pair in data.pairs})
    rows = max(1, PAIRS_ON_SHEET // COLUMNS // len(sources))
    sections = [[pair for pair in data.pairs if pair.source == source] for source in sources]
    shown = [spread(section, rows * COLUMNS) for section in sections]
    heights = [SECTION + -(-len(pairs) // COLUMNS) * (CARD_HEIGHT + GAP) for pairs in shown]
    height = HEADER + sum(heights) + MARGIN - GAP
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.text(MARGIN, 40, data.name, color=INK, size=21, weight="bold", va="center")
    write_legend(axes)
    top: float = HEADER
    for section, pairs, down in zip(sections, shown, heights, strict=True):
        axes.text(
            MARGIN, top + 14, title_of(section), color=INK, size=12, weight="bold", va="center"
        )
        for place, pair in enumerate(pairs):
            row, column = divmod(place, COLUMNS)
            corner = (
                MARGIN + column * (CARD_WIDTH + GAP),
                top + SECTION - GAP + row * (CARD_HEIGHT + GAP),
            )
            draw_card(axes, pair, *corner)
        top += down
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    save(figure, path)


def spread(pairs: Sequence[Pair], room: int) -> Pairs:
    """As many pairs as there is room for, evenly over the list, the first and the last among
    them."""
    places = np.linspace(0, len(pairs) - 1, min(room, len(pairs)))
    return tuple(pairs[round(place)] for place in places)


def title_of(pairs: Sequence[Pair]) -> str:
    """The heading of a section."""
    scenes = {pair.scene for pair in pairs} - {""}
    of = f" of {counted(len(scenes), 'scene')}" if scenes else ""
    return f"{TITLES.get(pairs[0].source, pairs[0].source)}: {counted(len(pairs), 'pair')}{of}"


def draw_card(axes: Any, pair: Pair, left: float, top: float) -> None:
    """One pair: its id and scene, the optical image, the SAR image."""
    from matplotlib.patches import FancyBboxPatch

    box = FancyBboxPatch(
        (left + 4, top + 4), CARD_WIDTH - 8, CARD_HEIGHT - 8, boxstyle="round,pad=4"
    )
    box.set(facecolor=CARD, edgecolor="none", zorder=0)
    axes.add_patch(box)
    right = left + CARD_WIDTH - PADDING
    name = pair.id if pair.id.startswith(pair.scene) else f"{pair.id}   {pair.scene}"
    axes.text(left + PADDING, top + LABEL / 2 + 2, shorten(name), color=INK, size=9.5, va="center")
    about = " · ".join(filter(None, (pair.terrain, pair.split)))
    axes.text(right, top + LABEL / 2 + 2, about, color=FAINT, size=8.5, va="center", ha="right")
    try:
        optical, radar = read_pair(pair)
    except UnreadableChipError:
        axes.text(
            left + CARD_WIDTH / 2,
            top + CARD_HEIGHT / 2,
            "unreadable",
            color=FAINT,
            size=9,
            ha="center",
        )
        return
    draw_image(axes, optical, Modality.OPTICAL, left + PADDING, top + LABEL)
    draw_image(axes, radar, Modality.SAR, left + PADDING + IMAGE + SPACE, top + LABEL)
    size = f"{radar.shape[0]} x {radar.shape[1]} px"
    axes.text(left + PADDING, top + CARD_HEIGHT - 15, size, color=FAINT, size=7.5, va="center")
    axes.text(
        right,
        top + CARD_HEIGHT - 15,
        f"SAR {radar.dtype}",
        color=FAINT,
        size=7.5,
        va="center",
        ha="right",
    )


def draw_image(axes: Any, pixels: Pixels, modality: Modality, left: float, top: float) -> None:
    """One half, fitted into a square, on a line in the colour of its modality."""
    height, width = pixels.shape[:2]
    zoom = IMAGE / max(height, width)
    x, y = left + (IMAGE - width * zoom) / 2, top + (IMAGE - height * zoom) / 2
    axes.imshow(
        to_display(pixels, modality),
        extent=(x, x + width * zoom, y + height * zoom, y),
        aspect="auto",
        interpolation="antialiased",
    )
    line = top + IMAGE + 3
    axes.plot(
        [left, left + IMAGE],
        [line, line],
        color=ACCENT[modality],
        linewidth=2.5,
        solid_capstyle="butt",
    )


def shorten(name: str) -> str:
    """A name that fits above a card."""
    return name if len(name) <= 38 else name[:37] + "…"
