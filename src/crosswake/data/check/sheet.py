"""Draws a contact sheet: a few identities, each with its optical and SAR chips side by side."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.drawing import any_script
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import read_pixels
from crosswake.data.reid import Chips, ReidData, cross_modal_identities, identities, of_modality

WIDTH = 1600
"""Pixels across the sheet; so are all lengths below."""
MARGIN, HEADER, SECTION, GAP = 40, 86, 46, 14
COLUMNS, ROWS = 6, 2
"""Identities across, and rows of them for training and for testing."""
LABEL, CHIP_HEIGHT, CAPTION = 26, 164, 22
CHIPS_EACH = 2
"""Chips of either modality in one card."""
DPI = 100
BACKGROUND, CARD, INK, FAINT = "#10151b", "#1a212a", "#e8edf2", "#8593a3"
ACCENT = {Modality.OPTICAL: "#62b0ff", Modality.SAR: "#ffae4a"}
CARD_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
CARD_HEIGHT = LABEL + CHIP_HEIGHT + CAPTION + 12


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and the chips to choose identities from."""

    title: str
    chips: Chips
    shown: tuple[str, ...]

    @property
    def height(self) -> float:
        """Pixels down the sheet."""
        return SECTION + -(-len(self.shown) // COLUMNS) * (CARD_HEIGHT + GAP)


def draw_contact_sheet(data: ReidData, path: Path) -> None:
    """Draw train, and query with gallery, to a PNG; unreadable chips are left blank.

    Raises:
        CrosswakeError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    sections = sections_of(data)
    height = HEADER + sum(section.height for section in sections) + MARGIN - GAP
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    write_header(axes, data)
    top: float = HEADER
    for section in sections:
        axes.text(MARGIN, top + 14, section.title, color=INK, size=12, weight="bold", va="center")
        for place, identity in enumerate(section.shown):
            row, column = divmod(place, COLUMNS)
            left = MARGIN + column * (CARD_WIDTH + GAP)
            draw_card(
                axes, section.chips, identity, left, top + SECTION - GAP + row * (CARD_HEIGHT + GAP)
            )
        top += section.height
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    save(figure, path)


def sections_of(data: ReidData) -> list[Section]:
    """What the sheet shows: identities spread evenly over each split, those with both modalities
    first."""
    sections = []
    for title, chips in (("Train", data.train), ("Query and gallery", data.query + data.gallery)):
        if chips:
            names = cross_modal_identities(chips) or identities(chips)
            count = (
                f"{counted(len(chips), 'chip')} of {counted(len(identities(chips)), 'identity')}"
            )
            sections.append(Section(title=f"{title}: {count}", chips=chips, shown=spread(names)))
    return sections


def spread(names: Sequence[str]) -> tuple[str, ...]:
    """As many names as there is room for, evenly over the list, the first and the last among
    them."""
    room = min(COLUMNS * ROWS, len(names))
    return tuple(names[round(place)] for place in np.linspace(0, len(names) - 1, room))


def write_header(axes: Any, data: ReidData) -> None:
    """Name and the meaning of the colours."""
    axes.text(MARGIN, 40, data.name, color=INK, size=21, weight="bold", va="center")
    write_legend(axes)


def write_legend(axes: Any) -> None:
    """The meaning of the colours, at the right of the header."""
    x = WIDTH - MARGIN
    for modality, text in (
        (Modality.SAR, "SAR, 1 to 99 % stretched"),
        (Modality.OPTICAL, "optical"),
    ):
        label = axes.text(x, 40, text, color=INK, size=11, va="center", ha="right")
        x -= label.get_window_extent().width + 12
        axes.plot([x - 22, x], [40, 40], color=ACCENT[modality], linewidth=5, solid_capstyle="butt")
        x -= 22 + 32


def draw_card(axes: Any, chips: Chips, identity: str, left: float, top: float) -> None:
    """One identity: its name, and a few optical chips left of as many SAR chips."""
    from matplotlib.patches import FancyBboxPatch

    box = FancyBboxPatch(
        (left + 4, top + 4), CARD_WIDTH - 8, CARD_HEIGHT - 8, boxstyle="round,pad=4"
    )
    box.set(facecolor=CARD, edgecolor="none", zorder=0)
    axes.add_patch(box)
    own = [chip for chip in chips if chip.identity == identity]
    axes.text(left + 12, top + LABEL / 2 + 3, shorten(identity), color=INK, size=9.5, va="center")
    axes.text(
        left + CARD_WIDTH - 12,
        top + LABEL / 2 + 3,
        counted(len(own), "chip"),
        color=FAINT,
        size=8,
        va="center",
        ha="right",
    )
    shown = [chip for modality in Modality for chip in of_modality(own, modality)[:CHIPS_EACH]]
    cell = (CARD_WIDTH - 20) / (CHIPS_EACH * 2)
    start = left + (CARD_WIDTH - cell * len(shown)) / 2
    for place, chip in enumerate(shown):
        draw_chip(axes, chip, start + (place + 0.5) * cell, top + LABEL + 4, cell - 8)


def draw_chip(axes: Any, chip: Chip, centre: float, top: float, room: float) -> None:
    """One chip, fitted into ``room`` x CHIP_HEIGHT pixels about ``centre``, with its length on the
    ground."""
    bottom = top + CHIP_HEIGHT - 6
    try:
        image = to_display(read_pixels(chip.path), chip.modality)
    except UnreadableChipError:
        axes.text(
            centre, (top + bottom) / 2, "unreadable", color=FAINT, size=7, ha="center", rotation=90
        )
        return
    height, width = image.shape[:2]
    zoom = min(room / width, (bottom - top) / height)
    half, middle, rise = width * zoom / 2, (top + bottom) / 2, height * zoom / 2
    axes.imshow(
        image,
        extent=(centre - half, centre + half, middle + rise, middle - rise),
        aspect="auto",
        interpolation="antialiased",
    )
    accent = ACCENT[chip.modality]
    axes.plot(
        [centre - room / 2, centre + room / 2],
        [bottom + 5, bottom + 5],
        color=accent,
        linewidth=2.5,
        solid_capstyle="butt",
    )
    _, height_m = chip.ground_extent(height, width)
    axes.text(
        centre, bottom + 17, f"{height_m:.0f} m", color=FAINT, size=7.5, ha="center", va="center"
    )


def to_display(pixels: NDArray[Any], modality: Modality) -> NDArray[np.uint8]:
    """Pixels as (height, width, 3) uint8; all but 8-bit optical is stretched, 1st to 99th
    percentile."""
    image = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, axis=2)
    if modality is Modality.OPTICAL and image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    image = image.astype(np.float64)
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        return np.zeros(image.shape, np.uint8)
    low, high = np.percentile(finite, (1, 99))
    scaled = np.clip((np.nan_to_num(image) - low) / max(high - low, 1e-12), 0, 1)
    display: NDArray[np.uint8] = (scaled * 255).astype(np.uint8)
    return display


def shorten(name: str) -> str:
    """A name that fits above a card."""
    return name if len(name) <= 24 else name[:23] + "…"


def save(figure: Any, path: Path) -> None:
    """Write to a temporary name, then rename."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with any_script():
            figure.savefig(part, format="png")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        reason = error.strerror or error
        raise CrosswakeError(
            f"{path}: the contact sheet cannot be written ({reason}); choose another --sheet"
        ) from error
