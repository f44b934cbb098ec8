"""What a run writes while it goes on: a row per epoch, and TensorBoard events."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, float | int]


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write ``metrics.csv`` afresh, a row per epoch; what was not measured stays empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)


class EventWriter:
    """TensorBoard events of a run, opened at the first row.

    Args:
        folder: where the event files go.
        start: first epoch that will be written; later ones of an interrupted run are hidden.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self._folder, self._start = folder, start
        self._writer: Any = None

    def add(self, row: Row) -> None:
        """Write every number of a row."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=self._start)
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, row["epoch"])

    def close(self) -> None:
        """Flush what is written."""
        if self._writer is not None:
            self._writer.close()
