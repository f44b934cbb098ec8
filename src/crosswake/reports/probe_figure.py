"""Draws what a linear probe takes for what."""

from pathlib import Path

from crosswake.core.drawing import any_script
from crosswake.core.files import replacing
from crosswake.reports.summary import percent
from crosswake.tasks.probe.measure import ProbeResult


def draw_probe(result: ProbeResult, path: Path) -> None:
    """One confusion matrix for each kind of features, rows in percent of the true class, as a
    PNG."""
    from matplotlib.figure import Figure

    count = len(result.probes)
    figure = Figure(figsize=(3.3 * count + 0.6, 5.0), dpi=150, layout="constrained")
    panels = figure.subplots(1, count, squeeze=False, sharey=True)[0]
    places = range(len(result.classes))
    for axes, (name, probe) in zip(panels, result.probes.items(), strict=True):
        shares = 100 * probe.confusion / probe.confusion.sum(1, keepdims=True)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for row in places:
            for column in places:
                value = shares[row, column]
                colour = "white" if value > 55 else "#14263d"
                axes.text(
                    column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=10
                )
        axes.set_title(
            f"{name}\n{percent(probe.accuracy.value)} % right", fontsize=11, fontweight="bold"
        )
        axes.set_xticks(places, result.classes, rotation=35, ha="right")
        axes.set_yticks(places, result.classes)
        axes.tick_params(length=0)
    panels[0].set_ylabel("true terrain")
    figure.supxlabel("told terrain, % of the true one", fontsize=10)
    worth = (
        "scenes never learnt from"
        if result.by_scene
        else "random folds within scenes: proves nothing"
    )
    figure.suptitle(
        f"Linear probe on {result.data.name}, {result.pairs} pairs, {worth}", fontsize=12
    )
    with replacing(path) as temporary, any_script():
        figure.savefig(temporary, format="png")
