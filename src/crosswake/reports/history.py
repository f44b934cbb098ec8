"""How the weights of a report came to be: the run that they are from, as its folder tells it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, read_tensors
from crosswake.reports.figures import (
    MODEL,
    MUTED,
    SAME,
    finish_panels,
    page_style,
    panels_in_a_row,
    style_panel,
    svg_of,
)

METRICS_FILE = "metrics.csv"
SCORES: Mapping[str, Any] = {
    "val_o2s_mAP": {"label": "optical to SAR", "color": SAME, "linewidth": 1.2},
    "val_s2o_mAP": {"label": "SAR to optical", "color": "#e08e0b", "linewidth": 1.2},
    "val_mAP": {"label": "mean", "color": MODEL, "linewidth": 2},
}
"""Columns of ``metrics.csv`` that are drawn, and how."""


@dataclass(frozen=True, kw_only=True)
class History:
    """A run up to the epoch that its weights are from.

    Attributes:
        command: ``train`` or ``pretrain``.
        data: what was learnt from, with its fingerprint.
        epoch: that the weights are from, counted from 1.
        rows: numbers of each epoch by name; of those not measured there is none.
    """

    command: str
    data: str
    epoch: int
    rows: tuple[Mapping[str, float], ...]

    @property
    def validated(self) -> bool:
        """Whether anything was held out and measured."""
        return any(name in row for row in self.rows for name in SCORES)


def weight_facts(path: Path) -> dict[str, object]:
    """When a weight file was last written; nothing where there is no file."""
    if not path.is_file():
        return {}
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return {"weights written": f"{moment:%Y-%m-%d %H:%M} UTC"}


def read_history(weights: Path) -> History | None:
    """The run that a checkpoint of ours is from; None for other weights."""
    try:
        heading: Mapping[str, Any] = read_tensors(weights) if weights.is_file() else {}
    except CrosswakeError:  # an ONNX file, say
        return None
    data = heading.get("data")
    if heading.get("format") != CHECKPOINT_FORMAT or not isinstance(data, Mapping):
        return None
    epoch = int(heading.get("epoch", 0))
    rows = read_rows(weights.with_name(METRICS_FILE))
    return History(
        command=str(heading.get("command", "")),
        data=f"{data.get('name')} (fingerprint {data.get('fingerprint')})",
        epoch=epoch,
        rows=rows if any(row["epoch"] == epoch for row in rows) else (),
    )


def read_rows(path: Path) -> tuple[Mapping[str, float], ...]:
    """The epochs of a ``metrics.csv``; none where there is no such file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, csv.Error):
        return ()
    return tuple(row for row in rows if "epoch" in row)


def history_figure(history: History) -> str:
    """The loss over the epochs, and beside it what was measured on what was held out; an upright
    line marks the epoch that the weights are from."""
    scores = [name for name in SCORES if of(history, name)[0]]
    with page_style():
        figure, panels = panels_in_a_row(2 if scores else 1, 2.8, width=5.4)
        panels[0].plot(*of(history, "loss"), color=MODEL, linewidth=2)
        panels[0].set_ylim(bottom=0)
        for name in scores:
            epochs, values = of(history, name)
            percents = [100 * value for value in values]
            panels[1].plot(epochs, percents, marker="o", markersize=4, **SCORES[name])
            panels[1].set_ylim(0, 102)
        for axes, title in zip(panels, ("training loss", "validation mAP, %"), strict=False):
            style_panel(axes, title, "epoch")
            axes.axvline(history.epoch, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if scores:
            finish_panels(figure, panels[1:], "")
        return svg_of(figure, "Loss and validation over the epochs of the training")


def of(history: History, name: str) -> tuple[list[float], list[float]]:
    """The epochs in which a number was measured, and the numbers."""
    rows = [row for row in history.rows if name in row]
    return [row["epoch"] for row in rows], [row[name] for row in rows]
