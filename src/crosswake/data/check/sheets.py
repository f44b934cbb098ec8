"""Draws contact sheets: of ships a few identities, of pairs a few of each source, and on each card
the optical images beside the SAR images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crosswake.core.drawing import any_script
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.core.text import counted, cut_short
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pair_chips import images_of
from crosswake.data.pairs import Pair, PairData
from crosswake.data.pixels import Pixels, read_chip
from crosswake.data.reid import Chips, ReidData, cross_modal_identities, identities, of_modality
from crosswake.data.sources.open import PAIR_LAYOUTS

Shown = TypeVar("Shown")
WIDTH = 1600
"""Pixels across the sheet; so are all lengths below."""
MARGIN, HEADER, SECTION, GAP = 40, 86, 46, 14
LABEL, CAPTION, PADDING, CELL_GAP = 28, 24, 12, 8
"""Above the images of a card, below them, at its sides, and between two images."""
DPI = 100
BACKGROUND, CARD, TEXT, FAINT = "#10151b", "#1a212a", "#e8edf2", "#8593a3"
ACCENT = {Modality.OPTICAL: "#62b0ff", Modality.SAR: "#ffae4a"}
CHIPS_EACH = 2
"""Chips of either modality on one card of a ship."""
PAIRS_ON_SHEET = 24
"""Cards at most, shared among the sources."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How the cards of a sheet lie.

    Attributes:
        columns: cards across.
        images: cells of a card, side by side.
        height: of an image on the card; None for a square cell.
        letters: of a name that fit above a card.
    """

    columns: int
    images: int
    height: float | None
    letters: int

    @property
    def card_width(self) -> float:
        """Of one card."""
        return (WIDTH - 2 * MARGIN - (self.columns - 1) * GAP) / self.columns

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of the room for one image."""
        width = (self.card_width - 2 * PADDING - (self.images - 1) * CELL_GAP) / self.images
        return width, self.height or width

    @property
    def card_height(self) -> float:
        """Of one card."""
        return LABEL + self.cell[1] + CAPTION + 6


SHIP_GRID = Grid(columns=6, images=2 * CHIPS_EACH, height=158, letters=24)
PAIR_GRID = Grid(columns=4, images=2, height=None, letters=38)
SHIP_ROWS = 2
"""Rows of cards for training, and as many for testing."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """Images that belong together.

    Attributes:
        name: above them, at the left.
        about: above them, at the right.
        chips: the images; the optical ones come first.
        caption: what is written below an image, given the chip and its pixels.
    """

    name: str
    about: str
    chips: Chips
    caption: Callable[[Chip, Pixels], str]


Section = tuple[str, list[Card]]
"""A heading and the cards below it."""


def draw_contact_sheet(data: ReidData, path: Path) -> None:
    """Draw train, and query with gallery, to a PNG; unreadable chips are left blank.

    Raises:
        CrosswakeError: the file cannot be written.
    """
    sections = []
    for title, chips in (("Train", data.train), ("Query and gallery", data.query + data.gallery)):
        if chips:
            names = cross_modal_identities(chips) or identities(chips)
            count = counted(len(identities(chips)), "identity")
            shown = spread(names, SHIP_GRID.columns * SHIP_ROWS)
            cards = [ship_card(name, chips) for name in shown]
            sections.append((f"{title}: {counted(len(chips), 'chip')} of {count}", cards))
    draw_sheet(data, sections, SHIP_GRID, path)


def draw_pair_sheet(data: PairData, path: Path) -> None:
    """Draw a few pairs of each source, spread evenly over it, to a PNG; unreadable images are left
    blank.

    Raises:
        CrosswakeError: the file cannot be written.
    """
    sources = sorted({pair.source for pair in data.pairs})
    rows = max(1, PAIRS_ON_SHEET // PAIR_GRID.columns // len(sources))
    sections = []
    for source in sources:
        pairs = [pair for pair in data.pairs if pair.source == source]
        scenes = {pair.scene for pair in pairs} - {""}
        of = f" of {counted(len(scenes), 'scene')}" if scenes else ""
        title = PAIR_LAYOUTS[source].title if source in PAIR_LAYOUTS else source
        cards = [pair_card(pair) for pair in spread(pairs, rows * PAIR_GRID.columns)]
        sections.append((f"{title}: {counted(len(pairs), 'pair')}{of}", cards))
    draw_sheet(data, sections, PAIR_GRID, path)


def spread(items: Sequence[Shown], room: int) -> list[Shown]:
    """As many items as there is room for, evenly over the list, the first and last among them."""
    places = np.linspace(0, len(items) - 1, min(room, len(items)))
    return [items[round(place)] for place in places]


def ship_card(identity: str, chips: Chips) -> Card:
    """One identity: a few optical chips left of a few SAR chips, with their length in metres."""
    own = [chip for chip in chips if chip.identity == identity]
    shown = tuple(chip for kind in Modality for chip in of_modality(own, kind)[:CHIPS_EACH])

    def length(chip: Chip, pixels: Pixels) -> str:
        return f"{chip.ground_extent(pixels.shape[0], pixels.shape[1])[1]:.0f} m"

    return Card(name=identity, about=counted(len(own), "chip"), chips=shown, caption=length)


def pair_card(pair: Pair) -> Card:
    """One pair: the optical image with its size, the SAR image with its number type."""

    def facts(chip: Chip, pixels: Pixels) -> str:
        if chip.modality is Modality.SAR:
            return f"SAR {pixels.dtype}"
        return f"{pixels.shape[0]} x {pixels.shape[1]} px"

    name = pair.id if pair.id.startswith(pair.scene) else f"{pair.id}   {pair.scene}"
    about = " · ".join(filter(None, (pair.terrain, pair.split)))
    return Card(name=name, about=about, chips=images_of(pair), caption=facts)


@any_script()
def draw_sheet(data: ReidData | PairData, sections: list[Section], grid: Grid, path: Path) -> None:
    """Draw a header and the sections below it to a PNG."""
    from matplotlib.figure import Figure

    step = grid.card_height + GAP
    heights = [SECTION + -(-len(cards) // grid.columns) * step for _, cards in sections]
    height = HEADER + sum(heights) + MARGIN - GAP
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.text(MARGIN, 40, cut_short(data.name, 60), color=TEXT, size=21, weight="bold", va="center")
    write_legend(axes)
    top: float = HEADER
    for (title, cards), down in zip(sections, heights, strict=True):
        axes.text(
            MARGIN, top + 14, cut_short(title, 120), color=TEXT, size=12, weight="bold", va="center"
        )
        for place, card in enumerate(cards):
            row, column = divmod(place, grid.columns)
            left = MARGIN + column * (grid.card_width + GAP)
            draw_card(axes, card, grid, left, top + SECTION - GAP + row * step)
        top += down
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    with replacing(path, "--sheet") as part:
        told = {ORIGIN_KEY: origin_text(origin_of_check(data))}
        figure.savefig(part, format="png", metadata=told)


def origin_of_check(data: ReidData | PairData) -> Origin:
    """What the files of a check are made from."""
    return {"command": "data check", "data": str(data.root.absolute())}


def write_legend(axes: Any) -> None:
    """The meaning of the colours, at the right of the header."""
    x = WIDTH - MARGIN
    for modality, text in (
        (Modality.SAR, "SAR, 1 to 99 % stretched"),
        (Modality.OPTICAL, "optical"),
    ):
        label = axes.text(x, 40, text, color=TEXT, size=11, va="center", ha="right")
        x -= label.get_window_extent().width + 12
        axes.plot([x - 22, x], [40, 40], color=ACCENT[modality], linewidth=5, solid_capstyle="butt")
        x -= 22 + 32


def draw_card(axes: Any, card: Card, grid: Grid, left: float, top: float) -> None:
    """A card at a corner: its name, what is known of it, and its images side by side."""
    from matplotlib.patches import FancyBboxPatch

    width, height = grid.card_width, grid.card_height
    box = FancyBboxPatch((left + 4, top + 4), width - 8, height - 8, boxstyle="round,pad=4")
    box.set(facecolor=CARD, edgecolor="none", zorder=0)
    axes.add_patch(box)
    line = top + LABEL / 2 + 2
    name = cut_short(card.name, grid.letters)
    axes.text(left + PADDING, line, name, color=TEXT, size=9.5, va="center")
    about = cut_short(card.about, grid.letters)
    axes.text(left + width - PADDING, line, about, color=FAINT, size=8, va="center", ha="right")
    cell = grid.cell
    used = len(card.chips) * (cell[0] + CELL_GAP) - CELL_GAP
    for place, chip in enumerate(card.chips):
        start = left + (width - used) / 2 + place * (cell[0] + CELL_GAP)
        draw_chip(axes, card, chip, (start, top + LABEL), cell)


def draw_chip(
    axes: Any, card: Card, chip: Chip, corner: tuple[float, float], cell: tuple[float, float]
) -> None:
    """One chip, fitted into a cell, above a line in the colour of its modality and its caption."""
    (left, top), (room, tall) = corner, cell
    centre, middle, bottom = left + room / 2, top + tall / 2, top + tall + 3
    try:
        pixels, chip = read_chip(chip)
    except UnreadableChipError:
        axes.text(centre, middle, "unreadable", color=FAINT, size=7, ha="center", rotation=90)
        return
    height, width = pixels.shape[:2]
    zoom = min(room / width, tall / height)
    across, down = width * zoom / 2, height * zoom / 2
    axes.imshow(
        to_display(pixels, chip.modality),
        extent=(centre - across, centre + across, middle + down, middle - down),
        aspect="auto",
        interpolation="antialiased",
    )
    line = {"color": ACCENT[chip.modality], "linewidth": 2.5, "solid_capstyle": "butt"}
    axes.plot([left, left + room], [bottom, bottom], **line)
    caption = card.caption(chip, pixels)
    axes.text(centre, bottom + 13, caption, color=FAINT, size=7.5, ha="center", va="center")


def to_display(pixels: NDArray[Any], modality: Modality) -> NDArray[np.uint8]:
    """Pixels as (height, width, 3) uint8; all but 8-bit optical is stretched from the 1st to the
    99th percentile, so that one bright scatterer does not leave the rest black."""
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
