"""Pictures of probabilities: reliability, bars of evidence, and the curve of open-set rates."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.reports.figures import (
    INK,
    MODEL,
    MUTED,
    SAME,
    page_style,
    panels_in_a_row,
    style_panel,
)
from crosswake.retrieval.curves import RatioCurve
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import Estimate
from crosswake.retrieval.reliability import BINS, Reliability

EVIDENCE_COLOURS = {
    "cosine": "#8a97a8",
    "appearance": "#0b5fa5",
    "size": "#7a5ea8",
    "reachability": "#b3603a",
    "claims": "#00838f",
    "appearance + size": "#6aa6d8",
    "appearance + reachability": "#e08e0b",
    "together": "#0f7b52",
    "together + claims": "#558b2f",
}
"""By choice of evidence."""
PICTURE_DPI = 130


def save_figure(figure: Figure, path: Path, origin: Origin) -> None:
    """Write a PNG that says what it was made from."""
    with replacing(path) as temporary:
        figure.savefig(
            temporary, format="png", dpi=PICTURE_DPI, metadata={ORIGIN_KEY: origin_text(origin)}
        )


def draw_calibration(
    curves: Mapping[str, RatioCurve], said: Mapping[str, Reliability], path: Path, origin: Origin
) -> None:
    """For each pair of modalities the curve of log ratios, and below it its reliability for ships
    that it was not fitted on."""
    with page_style():
        count = len(curves)
        figure = Figure(figsize=(max(3.4 * count, 5.2), 6.2), layout="constrained")
        panels = figure.subplots(2, count, squeeze=False, sharey="row")
        for column, (name, curve) in enumerate(curves.items()):
            upper, lower = panels[0][column], panels[1][column]
            style_panel(upper, name.replace("sar", "SAR"), "cosine")
            upper.axhline(0, color=MUTED, linewidth=1)
            upper.plot(curve.similarity, curve.ratio, color=MODEL, linewidth=2)
            upper.set_xlim(-0.5, 1)
            upper.set_xticks([-0.5, 0, 0.5, 1])
            draw_reliability_panel(lower, said[name], "pair of one ship")
        panels[0][0].set_ylabel("log likelihood ratio")
        panels[1][0].set_ylabel("share of one ship, %")
        save_figure(figure, path, origin)


def draw_reliability(said: Mapping[str, Reliability], path: Path, origin: Origin) -> None:
    """Reliability of the likeliest answer, a panel a direction."""
    with page_style():
        figure, panels = panels_in_a_row(len(said), 3.7, sharey=True)
        for axes, (title, one) in zip(panels, said.items(), strict=True):
            draw_reliability_panel(axes, one, "likeliest answer")
            axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        panels[0].set_ylabel("was so, %")
        save_figure(figure, path, origin)


def draw_reliability_panel(axes: Axes, said: Reliability, what: str) -> None:
    """What was said beside what was so; bars below show how often each was said."""
    style_panel(axes, "", f"said of the {what}, %")
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
    middle = 100 * (np.arange(BINS) + 0.5) / BINS
    axes.bar(middle, 100 * said.share, width=100 / BINS - 1.5, color="#dbe7f2")
    some = said.share > 0
    size = 12 + 260 * said.share[some]
    axes.plot(100 * said.said[some], 100 * said.true[some], color=SAME, linewidth=1.2, alpha=0.6)
    axes.scatter(100 * said.said[some], 100 * said.true[some], s=size, color=SAME, zorder=3)
    error = said.error
    text = f"calibration error {100 * error.value:.1f} %"
    if not np.isnan(error.low):
        text += f"\n({100 * error.low:.1f} to {100 * error.high:.1f})"
    axes.text(3, 97, text, va="top", fontsize=9, color=INK)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)


def draw_bars(
    results: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
    measures: Mapping[str, str],
    path: Path,
    origin: Origin,
) -> None:
    """Bars by choice of evidence with 95 % intervals: a row a measure, a column a direction.

    Args:
        results: by direction, choice of evidence and measure.
        measures: titles of those that are shown.
        path: the PNG.
        origin: what it was made from.
    """
    rows = max(len(one) for one in results.values())
    with page_style():
        figure = Figure(
            figsize=(0.6 + 3.5 * len(results), len(measures) * (0.28 * rows + 0.9)),
            layout="constrained",
        )
        panels = figure.subplots(
            len(measures), len(results), squeeze=False, sharey=True, sharex=True
        )
        for line, (measure, title) in enumerate(measures.items()):
            for column, (direction, sets) in enumerate(results.items()):
                axes = panels[line][column]
                style_panel(axes, direction if line == 0 else "", f"{title}, %")
                draw_bars_panel(axes, {name: one[measure] for name, one in sets.items()})
        save_figure(figure, path, origin)


def draw_bars_panel(axes: Axes, estimates: Mapping[str, Estimate]) -> None:
    """One panel, the first choice on top."""
    for place, (name, one) in enumerate(reversed(list(estimates.items()))):
        axes.barh(place, 100 * one.value, height=0.66, color=EVIDENCE_COLOURS.get(name, MUTED))
        axes.hlines(place, 100 * one.low, 100 * one.high, color=INK, linewidth=1.3)
        end = np.nanmax([one.value, one.high])
        where: Any = {"va": "center", "fontsize": 8, "color": INK}
        axes.text(100 * end + 1.5, place, f"{100 * one.value:.0f}", **where)
    axes.set_yticks(range(len(estimates)), list(estimates)[::-1])
    axes.set_xlim(0, 112)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.grid(visible=False, axis="y")


def draw_open_set(
    curves: Mapping[str, Mapping[str, tuple[Floats, Floats]]],
    shown: Sequence[str],
    path: Path,
    origin: Origin,
) -> None:
    """How many ships are named rightly at which rate of false alarms, a panel a direction."""
    with page_style():
        figure, panels = panels_in_a_row(len(curves), 3.6, sharey=True)
        for axes, (direction, sets) in zip(panels, curves.items(), strict=True):
            style_panel(axes, direction, "false alarms, % (ship not there)")
            for name in shown:
                if name in sets and len(sets[name][0]):
                    rates, found = sets[name]
                    looks: Any = {"color": EVIDENCE_COLOURS.get(name, MUTED), "linewidth": 1.8}
                    axes.step(100 * rates, 100 * found, where="post", label=name, **looks)
            for rate in (1, 10):
                axes.axvline(rate, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
            axes.set_xscale("symlog", linthresh=1)
            axes.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
            axes.set_xlim(0, 100)
            axes.set_ylim(0, 102)
        panels[0].set_ylabel("named rightly, %")
        entries = panels[0].get_legend_handles_labels()
        figure.legend(*entries, frameon=False, fontsize=9, loc="outside upper center", ncols=5)
        save_figure(figure, path, origin)
