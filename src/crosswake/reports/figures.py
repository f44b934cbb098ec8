"""The report's drawings, as SVG text that inherits the page's font."""

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosswake.core.drawing import any_script
from crosswake.data.chips import Chip, Modality
from crosswake.retrieval.metrics import Floats
from crosswake.tasks.reid.results import Evaluation, ProtocolOutcome

INK, MUTED, GRID = "#14263d", "#5b6b7f", "#dde4ec"
MODEL, SAME, DIFFERENT = "#0b5fa5", "#0f7b52", "#8a97a8"
IDENTITY_COLOURS = [
    "#0b5fa5",
    "#d1495b",
    "#0f7b52",
    "#e08e0b",
    "#6a4c93",
    "#00838f",
    "#8d6e63",
    "#c2185b",
    "#558b2f",
    "#3949ab",
    "#ef6c00",
    "#00695c",
]
MARKERS = {Modality.OPTICAL: "o", Modality.SAR: "^"}
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: selectable, small, in the page's font
    "svg.hashsalt": "crosswake",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}


def svg_of(figure: Figure, description: str) -> str:
    """Inline SVG with a text alternative; the same figure gives the same text."""
    buffer = io.StringIO()
    with any_script():
        figure.savefig(
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'<g id="[^"]*"', "<g", text
    )  # matplotlib numbers groups alike in every figure of a page
    text = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)


def cmc_figure(outcomes: list[ProtocolOutcome], chances: list[Floats]) -> str:
    """CMC curves of the model, a panel a protocol, with its 95 % interval at ranks 1, 5, 10 and
    chance below."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(outcomes), 2.9), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(outcomes), sharey=True, squeeze=False)[0])
        for axes, outcome, expected in zip(panels, outcomes, chances, strict=True):
            draw_cmc(axes, outcome, expected)
        panels[0].set_ylabel("queries matched, %")
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            frameon=False,
            fontsize=9,
            loc="outside upper right",
            ncols=2,
        )
        return svg_of(
            figure, "Cumulative matching curves by protocol; the numbers are in the table"
        )


def draw_cmc(axes: Axes, outcome: ProtocolOutcome, expected: Floats) -> None:
    """One panel."""
    curve = outcome.result.curve[: max(1, min(50, outcome.result.gallery))]
    ranks = np.arange(1, len(curve) + 1)
    axes.grid(color=GRID, linewidth=0.8)
    axes.plot(ranks, 100 * curve, color=MODEL, linewidth=2, label="model")
    axes.plot(
        ranks,
        100 * expected[: len(ranks)],
        color=MUTED,
        linewidth=1.4,
        linestyle=(0, (4, 3)),
        label="chance",
    )
    for k in (1, 5, 10):
        estimate = outcome.result.metrics[f"rank{k}"]
        axes.vlines(
            k, 100 * estimate.low, 100 * estimate.high, color=MODEL, linewidth=1.4, alpha=0.6
        )
        axes.plot([k], [100 * estimate.value], marker="o", markersize=4.5, color=MODEL)
    axes.set_title(outcome.title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel("rank")
    axes.set_ylim(0, 102)
    axes.set_xlim(0, max(len(curve), 10) + 0.5)


def distance_figure(groups: Mapping[str, tuple[Floats, Floats]], subject: str) -> str:
    """Histograms of squared distances, same ship (or place) and different ones, a panel a modality
    pair."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(groups), 2.8), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(groups), sharex=True, squeeze=False)[0])
        top = max(float(np.max(np.concatenate(pair))) for pair in groups.values())
        bins = np.linspace(0, top * 1.02 or 1, 41)
        for axes, (title, (same, different)) in zip(panels, groups.items(), strict=True):
            draw_histogram(
                axes, different, bins, DIFFERENT, f"different {subject}s", "stepfilled", 0.35
            )
            draw_histogram(axes, same, bins, SAME, f"same {subject}", "step", 1)
            axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
            axes.set_xlabel("squared distance")
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        panels[0].set_ylabel("share of pairs")
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            frameon=False,
            fontsize=9,
            loc="outside upper right",
            ncols=2,
        )
        return svg_of(
            figure,
            f"Histograms of distances of same and different {subject}s by pair of modalities",
        )


def draw_histogram(
    axes: Axes, values: Floats, bins: Floats, colour: str, label: str, kind: Any, alpha: float
) -> None:
    """One distribution, scaled to unit area, with its median."""
    if len(values):
        axes.hist(
            values,
            bins=bins.tolist(),
            density=True,
            histtype=kind,
            color=colour,
            alpha=alpha,
            linewidth=1.8,
            label=label,
        )
        axes.axvline(float(np.median(values)), color=colour, linewidth=1.2, linestyle=(0, (2, 2)))


def map_figure(
    places: NDArray[Any], evaluation: Evaluation, rows: NDArray[Any], chosen: list[str]
) -> str:
    """The embeddings on a plane: colour for a dozen identities, shape for the modality.

    Args:
        places: (n, 2), from :func:`crosswake.reports.content.plane`.
        evaluation: whose chips are drawn.
        rows: (n,), which of its chips.
        chosen: identities that get a colour.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 5.6), layout="constrained")
        axes = figure.subplots()
        colours = dict(zip(chosen, IDENTITY_COLOURS, strict=False))
        draw_chips(axes, places, [evaluation.chips[row] for row in rows], colours)
        for marker, label in (("o", "optical"), ("^", "SAR")):
            axes.scatter([], [], marker=marker, c=MUTED, s=40, label=label)
        for identity, colour in colours.items():
            axes.scatter([], [], marker="s", c=colour, s=40, label=identity)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(True)
            side.set_color(GRID)
        return svg_of(figure, "Map of the embeddings: near chips look alike to the model")


def draw_chips(
    axes: Axes, places: NDArray[Any], chips: list[Chip], colours: Mapping[str, str]
) -> None:
    """A mark a chip; those of ``colours`` in front, larger and named."""
    for modality, marker in MARKERS.items():
        rest, named = (
            [
                i
                for i, c in enumerate(chips)
                if c.modality is modality and (c.identity in colours) == coloured
            ]
            for coloured in (False, True)
        )
        axes.scatter(
            places[rest, 0], places[rest, 1], s=22, marker=marker, c="#c3ccd7", edgecolors="none"
        )
        axes.scatter(
            places[named, 0],
            places[named, 1],
            s=62,
            marker=marker,
            c=[colours[chips[i].identity] for i in named],
            edgecolors="white",
            linewidths=0.8,
            zorder=3,
        )
        for i in named:
            name = chips[i].identity
            axes.annotate(
                name,
                places[i],
                xytext=(5, 3),
                textcoords="offset points",
                fontsize=6.5,
                color=colours[name],
            )
