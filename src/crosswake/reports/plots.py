"""Plots for notebooks: each takes what Python code has at hand and returns a matplotlib figure."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.image
import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.core.drawing import Plot
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted, cut_short
from crosswake.data.check.sheets import draw_contact_sheet
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.reid import ReidData
from crosswake.reports.figures import (
    INK,
    MUTED,
    SAME,
    UNNAMED,
    draw_cmc,
    finish_panels,
    page_style,
)
from crosswake.reports.pictures import picture
from crosswake.retrieval.metrics import Ranking
from crosswake.tasks.reid.results import Evaluation

WRONG = "#c8372d"
PICTURE_ROOM, LABELS, GAP_AFTER_QUERY = (1.15, 1.45), 0.62, 0.3
"""Inches: width and height of a picture, the text around it, and the room beside the query."""
FRAME = 0.03
AROUND = (-FRAME, FRAME, -FRAME, FRAME)
"""Inches from a picture to its frame, which must not hide the edges of slim ships."""
ROWS, TOP = 4, 8
SHEET_DPI = 100
LETTERS_BELOW = 14


def plot_sheet(data: ReidData) -> Plot:
    """A contact sheet: a few ships of train and of test, optical beside SAR, as ``crosswake data
    check`` draws it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.png"
        draw_contact_sheet(data, path)
        pixels = mpl.image.imread(path)
    height, width = pixels.shape[:2]
    figure = Plot(figsize=(width / SHEET_DPI, height / SHEET_DPI), dpi=SHEET_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(pixels, aspect="auto")
    return figure


def plot_cmc(evaluation: Evaluation) -> Plot:
    """CMC curves of an evaluation and of its baselines, a panel a protocol; of the model with 95 %
    intervals at ranks 1, 5 and 10."""
    outcomes = list(evaluation.outcomes.values())
    with page_style():
        figure = Plot(figsize=(3.6 * len(outcomes), 2.9), layout="constrained")
        panels = list(figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0])
        for axes, outcome in zip(panels, outcomes, strict=True):
            draw_cmc(axes, outcome)
        finish_panels(figure, panels, "queries matched, %")
    return figure


def plot_rank_list(
    query: Sequence[Chip],
    gallery: Sequence[Chip],
    ranking: Ranking | ArrayLike,
    *,
    rows: Sequence[int] | None = None,
    top: int = TOP,
) -> Plot:
    """Queries with the gallery chips that are nearest to them, nearest first.

    A frame is green (with a tick) where the identity is the query's, red where it is another, and
    grey where either is not known. SAR is shown in decibels. Above a picture is its rank with the
    cosine, in as many digits as tell neighbours apart.

    Args:
        query: Q chips.
        gallery: G chips.
        ranking: from :func:`crosswake.rank`, or (Q, G) cosines, such as those of
            ``model.embed(query) @ model.embed(gallery).T``. By cosines a chip is no answer to
            itself.
        rows: which queries; the first four if None.
        top: how many gallery chips.

    Raises:
        CrosswakeError: the ranking does not fit the chips, or there is nothing to show.
    """
    shown = list(range(len(query))[:ROWS] if rows is None else rows)
    if not shown or not all(0 <= row < len(query) for row in shown) or not gallery:
        raise CrosswakeError(
            f"rows: expected some of 0 to {len(query) - 1}, and a gallery; got rows {shown} and "
            f"{counted(len(gallery), 'gallery chip')}"
        )
    lists = rank_lists(query, gallery, ranking, shown, top)
    columns = max(len(best) for best, _ in lists)
    widths = [PICTURE_ROOM[0], GAP_AFTER_QUERY, *[PICTURE_ROOM[0]] * columns]
    with page_style():
        figure = Plot(figsize=(sum(widths), (PICTURE_ROOM[1] + LABELS) * len(shown)), dpi=110)
        grid = figure.add_gridspec(len(shown), len(widths), width_ratios=widths)
        # The same for any number of rows: labels have their place in inches.
        grid.update(left=0.01, right=0.99, wspace=0.08, hspace=LABELS / PICTURE_ROOM[1])
        edge = LABELS / 2 / figure.get_figheight()
        grid.update(top=1 - edge, bottom=edge)
        for line, (row, (best, cosines)) in enumerate(zip(shown, lists, strict=True)):
            found = [gallery[index] for index in best]
            draw_one(figure.add_subplot(grid[line, 0]), query[row], "query", INK)
            cells = [figure.add_subplot(grid[line, 2 + place]) for place in range(len(found))]
            draw_found(cells, query[row], found, cosine_texts(cosines))
    return figure


def draw_found(cells: list[Any], query: Chip, found: list[Chip], cosines: list[str]) -> None:
    """The chips found for one query, each in its cell."""
    for rank, (axes, chip, cosine) in enumerate(zip(cells, found, cosines, strict=True), 1):
        colour = frame_colour(query, chip)
        mark = " ✓" if colour == SAME else ""
        draw_one(axes, chip, f"{rank}{mark}   {cosine}", colour)


def rank_lists(
    query: Sequence[Chip],
    gallery: Sequence[Chip],
    ranking: Ranking | ArrayLike,
    rows: Sequence[int],
    top: int,
) -> list[tuple[list[int], list[float]]]:
    """For each query of ``rows`` the nearest gallery indices, nearest first, and their cosines."""
    if top < 1:
        raise CrosswakeError(f"top: must be at least 1, got {top}")
    if isinstance(ranking, Ranking):
        shape = len(ranking.top), ranking.gallery
    else:
        cosines = np.asarray(ranking)
        shape = cosines.shape
    if shape != (len(query), len(gallery)):
        raise CrosswakeError(
            f"ranking: is of the shape {shape}, but there are {len(query)} queries and "
            f"{len(gallery)} gallery chips"
        )
    if isinstance(ranking, Ranking):
        near, far = ranking.top[rows, :top], ranking.top_distance[rows, :top]
        return [(a.tolist(), (1 - b / 2).tolist()) for a, b in zip(near, far, strict=True)]
    if not np.isfinite(cosines[rows]).all():
        raise CrosswakeError("ranking: holds values that are not finite; is the model damaged?")
    lists = []
    for own, values in ((query[row], cosines[row]) for row in rows):
        order = np.argsort(-values, kind="stable").tolist()
        others = [i for i in order if (gallery[i].path, gallery[i].box) != (own.path, own.box)]
        lists.append((others[:top], values[others[:top]].tolist()))
    return lists


def cosine_texts(values: Sequence[float]) -> list[str]:
    """Cosines in two to six decimals: as few as show different neighbours differently."""
    for digits in range(2, 7):
        texts = [f"{value:.{digits}f}" for value in values]
        pairs = zip(values, values[1:], texts, texts[1:], strict=False)
        if all(a == b or one != other for a, b, one, other in pairs):
            break
    return texts


def frame_colour(query: Chip, found: Chip) -> str:
    """Whether a found chip shows the query's ship."""
    if not query.identity or not found.identity:
        return UNNAMED
    return SAME if query.identity == found.identity else WRONG


def draw_one(axes: Any, chip: Chip, title: str, colour: str) -> None:
    """A chip in the middle of its cell, in a frame, with a title above and its name below."""
    axes.set(xlim=(0, PICTURE_ROOM[0]), ylim=(0, PICTURE_ROOM[1]), aspect="equal")
    axes.axis("off")
    middle, tall = PICTURE_ROOM[0] / 2, PICTURE_ROOM[1]
    left, right, bottom, high = (
        edge + side for edge, side in zip(fitted(chip, axes), AROUND, strict=True)
    )
    line = {"color": colour, "linewidth": 2.5, "solid_joinstyle": "miter", "clip_on": False}
    axes.plot([left, right, right, left, left], [bottom, bottom, high, high, bottom], **line)
    label = {"ha": "center", "fontsize": 9}
    bold = {"weight": "bold"} if title == "query" else {}
    axes.text(middle, tall + 0.06, title, color=colour, va="bottom", **label, **bold)
    name = cut_short(chip.identity or chip.path.stem, LETTERS_BELOW)
    axes.text(middle, -0.06, name, color=INK, va="top", **label)
    label["fontsize"] = 7.5
    kind = chip.modality.label.replace("sar", "SAR")
    axes.text(middle, -0.22, kind, color=MUTED, va="top", **label)


def fitted(chip: Chip, axes: Any) -> tuple[float, float, float, float]:
    """Draw a chip as large as its cell allows; returns its left, right, bottom and top."""
    room, tall = PICTURE_ROOM
    try:
        pixels: NDArray[Any] | None = np.asarray(picture(chip))
    except UnreadableChipError:
        pixels = None
        axes.text(room / 2, tall / 2, "unreadable", color=MUTED, fontsize=8, ha="center")
    height, width = (tall, room) if pixels is None else pixels.shape[:2]
    zoom = min((room - 3 * FRAME) / width, (tall - 2 * FRAME) / height)
    across, up = width * zoom / 2, height * zoom / 2
    edges = room / 2 - across, room / 2 + across, tall / 2 - up, tall / 2 + up
    if pixels is not None:
        axes.imshow(pixels, extent=edges, aspect="equal", interpolation="antialiased")
        axes.set(xlim=(0, room), ylim=(0, tall))
    return edges
