"""The drawings: of the report as SVG text that inherits the page's font, of a probe as a PNG."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosswake.core.drawing import any_script
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.core.text import cut_short
from crosswake.data.chips import Chip, Modality
from crosswake.reports.summary import percent
from crosswake.retrieval.metrics import Floats
from crosswake.tasks.probe.measure import ProbeResult
from crosswake.tasks.reid.results import Evaluation, ProtocolOutcome

INK, MUTED, GRID = "#14263d", "#5b6b7f", "#dde4ec"
MODEL, SAME, DIFFERENT, UNNAMED = "#0b5fa5", "#0f7b52", "#8a97a8", "#c3ccd7"
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
HOLLOW: Any = {"facecolors": "none", "edgecolors": MUTED, "linewidths": 0.8}
"""How chips of ships that nobody knows are drawn."""
LETTERS = 24
"""Of a name that are drawn."""
MARKERS = {Modality.OPTICAL: "o", Modality.SAR: "^"}
BASELINE_LINES: Mapping[str, Any] = {
    "pixel correlation": {"color": "#b3603a", "linewidth": 1.4, "linestyle": (0, (1, 1))},
    "size only": {"color": "#7a5ea8", "linewidth": 1.4, "linestyle": (0, (5, 1, 1, 1))},
    "chance": {"color": MUTED, "linewidth": 1.4, "linestyle": (0, (4, 3))},
}
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


@contextmanager
def page_style() -> Iterator[None]:
    """How all drawings of the report look; names in them are written as they are."""
    with mpl.rc_context(STYLE), any_script():
        yield


def svg_of(figure: Figure, description: str) -> str:
    """Inline SVG with a text alternative; the same figure gives the same text."""
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # matplotlib numbers groups alike in every figure of a page
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    own = r"(<text[^>]*?)font: [^;\"]*?([\d.]+px)[^;\"]*"  # not in the text itself
    text = re.sub(own, r"\1font-size: \2", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)


def panels_in_a_row(
    count: int, height: float, width: float = 3.6, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels side by side."""
    figure = Figure(figsize=(width * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False, **shared)[0])


def style_panel(axes: Axes, title: str, across: str) -> None:
    """Heading and x label of a panel, and its grid."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(across)
    axes.grid(color=GRID, linewidth=0.8)


def finish_panels(figure: Figure, panels: list[Axes], label: str) -> None:
    """One y label on the left and one legend on top, for all panels."""
    panels[0].set_ylabel(label)
    entries = panels[0].get_legend_handles_labels()
    figure.legend(*entries, frameon=False, fontsize=9, loc="outside upper right", ncols=4)


def cmc_figure(outcomes: list[ProtocolOutcome]) -> str:
    """CMC curves of the model and the baselines, a panel a protocol; of the model with its 95 %
    interval at ranks 1, 5 and 10."""
    with page_style():
        figure, panels = panels_in_a_row(len(outcomes), 2.9, sharey=True)
        for axes, outcome in zip(panels, outcomes, strict=True):
            draw_cmc(axes, outcome)
        finish_panels(figure, panels, "queries matched, %")
        description = "Cumulative matching curves by protocol; the numbers are in the table"
        return svg_of(figure, description)


def draw_cmc(axes: Axes, outcome: ProtocolOutcome) -> None:
    """One panel."""
    curve = outcome.result.curve[: max(1, min(50, outcome.result.gallery))]
    ranks = np.arange(1, len(curve) + 1)
    style_panel(axes, outcome.title, "rank")
    axes.plot(ranks, 100 * curve, color=MODEL, linewidth=2, label="model")
    for name, baseline in outcome.curves.items():
        axes.plot(ranks, 100 * baseline[: len(ranks)], label=name, **BASELINE_LINES[name])
    for k in (1, 5, 10):
        estimate = outcome.result.metrics[f"rank{k}"]
        ends = 100 * estimate.low, 100 * estimate.high
        axes.vlines(k, *ends, color=MODEL, linewidth=1.4, alpha=0.6)
        axes.plot([k], [100 * estimate.value], marker="o", markersize=4.5, color=MODEL)
    axes.set_ylim(0, 102)
    axes.set_xlim(0, max(len(curve), 10) + 0.5)


def distance_figure(groups: Mapping[str, tuple[Floats, Floats]], subject: str) -> str:
    """Histograms of squared distances, same ship (or place) and different ones, a panel a modality
    pair."""
    styles: list[Any] = [
        {"color": DIFFERENT, "histtype": "stepfilled", "alpha": 0.35},
        {"color": SAME, "histtype": "step"},
    ]
    labels = f"different {subject}s", f"same {subject}"
    with page_style():
        figure, panels = panels_in_a_row(len(groups), 2.8, sharex=True)
        top = max(float(np.max(np.concatenate(pair))) for pair in groups.values())
        bins = np.linspace(0, top * 1.02 or 1, 41)
        for axes, (title, (same, different)) in zip(panels, groups.items(), strict=True):
            for values, label, style in zip((different, same), labels, styles, strict=True):
                draw_histogram(axes, values, bins, {"label": label, **style})
            style_panel(axes, title, "squared distance")
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        finish_panels(figure, panels, "share of pairs")
        description = f"Histograms of distances of same and different {subject}s"
        return svg_of(figure, f"{description} by pair of modalities")


def draw_histogram(axes: Axes, values: Floats, bins: Floats, style: Any) -> None:
    """One distribution, scaled to unit area, with its median."""
    if len(values):
        axes.hist(values, bins=bins.tolist(), density=True, linewidth=1.8, **style)
        median = float(np.median(values))
        axes.axvline(median, color=style["color"], linewidth=1.2, linestyle=(0, (2, 2)))


def map_figure(
    places: NDArray[Any], evaluation: Evaluation, rows: NDArray[Any], chosen: list[str]
) -> str:
    """The embeddings on a plane: colour for a dozen identities, shape for the modality.

    Args:
        places: (n, 2), from :func:`crosswake.reports.selection.plane`.
        evaluation: whose chips are drawn.
        rows: (n,), which of its chips.
        chosen: identities that get a colour.
    """
    with page_style():
        figure = Figure(figsize=(9.2, 5.6), layout="constrained")
        axes = figure.subplots()
        colours = dict(zip(chosen, IDENTITY_COLOURS, strict=False))
        draw_chips(axes, places, [evaluation.chips[row] for row in rows], colours)
        marks = [("o", MUTED, "optical"), ("^", MUTED, "SAR")]
        marks += [("s", colour, identity) for identity, colour in colours.items()]
        # given in full, for matplotlib would leave out names that begin with _
        handles = [axes.scatter([], [], marker=m, c=colour, s=40) for m, colour, _ in marks]
        names = [cut_short(name, LETTERS) for _, _, name in marks]
        if not all(evaluation.chips[row].identity for row in rows):
            handles.append(axes.scatter([], [], marker="o", s=30, **HOLLOW))
            names.append("unknown ship")
        place: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
        axes.legend(handles, names, frameon=False, fontsize=9, **place)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(True)
            side.set_color(GRID)
        return svg_of(figure, "Map of the embeddings: near chips look alike to the model")


def draw_chips(
    axes: Axes, places: NDArray[Any], chips: list[Chip], colours: Mapping[str, str]
) -> None:
    """A mark a chip; those of ``colours`` in front, larger and named, unknown ships hollow."""
    for modality, marker in MARKERS.items():
        mine = [i for i, chip in enumerate(chips) if chip.modality is modality]
        rest = [i for i in mine if chips[i].identity and chips[i].identity not in colours]
        unknown = [i for i in mine if not chips[i].identity]
        named = [i for i in mine if chips[i].identity in colours]
        across, down = places.T
        axes.scatter(across[rest], down[rest], s=22, marker=marker, c=UNNAMED, edgecolors="none")
        axes.scatter(across[unknown], down[unknown], s=22, marker=marker, **HOLLOW)
        own = [colours[chips[i].identity] for i in named]
        edges: Any = {"edgecolors": "white", "linewidths": 0.8}
        axes.scatter(across[named], down[named], s=62, marker=marker, c=own, zorder=3, **edges)
        for i, colour in zip(named, own, strict=True):
            offset: Any = {"xytext": (5, 3), "textcoords": "offset points"}
            axes.annotate(
                cut_short(chips[i].identity, LETTERS),
                places[i],
                fontsize=6.5,
                color=colour,
                **offset,
            )


@any_script()
def draw_probe(result: ProbeResult, path: Path, origin: Origin) -> None:
    """One confusion matrix for each kind of features, rows in percent of the true class, as a PNG
    that says what it was made from."""
    count = len(result.probes)
    figure = Figure(figsize=(3.3 * count + 0.6, 5.0), dpi=150, layout="constrained")
    panels = figure.subplots(1, count, squeeze=False, sharey=True)[0]
    places = range(len(result.classes))
    names = [cut_short(name, LETTERS) for name in result.classes]
    for axes, (name, probe) in zip(panels, result.probes.items(), strict=True):
        shares = 100 * probe.confusion / probe.confusion.sum(1, keepdims=True)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(shares):
            centred: Any = {"ha": "center", "va": "center", "fontsize": 10}
            colour = "white" if value > 55 else INK
            axes.text(column, row, f"{value:.0f}", color=colour, **centred)
        title = f"{name}\n{percent(probe.accuracy.value)} % right"
        axes.set_title(title, fontsize=11, fontweight="bold")
        axes.set_xticks(places, names, rotation=35, ha="right")
        axes.set_yticks(places, names)
        axes.tick_params(length=0)
    panels[0].set_ylabel("true terrain")
    figure.supxlabel("predicted terrain, % of the true one", fontsize=10)
    kind = "folds by scene" if result.by_scene else "random folds within scenes: proves nothing"
    title = f"Linear probe on {cut_short(result.data.name, 60)}, {result.pairs} pairs, {kind}"
    figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={ORIGIN_KEY: origin_text(origin)})
