"""What a run writes of itself: a row per epoch in ``metrics.csv``, TensorBoard events, the most
memory."""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from crosswake.core.files import replacing

Row = Mapping[str, float | int]


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write ``metrics.csv`` afresh, a row per epoch; what was not measured stays empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)


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
        """Write out what is not yet written."""
        if self._writer is not None:
            self._writer.close()


class Peak:
    """Watches memory from now on: the GPU's where the run is on one, else the process's own.

    Args:
        device: where the run is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def columns(self) -> dict[str, int]:
        """``peak_bytes`` as a column of an epoch's row; nothing where the system does not say."""
        found = (
            torch.cuda.max_memory_allocated(self.device)
            if self.device.type == "cuda"
            else process_peak()
        )
        return {} if found is None else {"peak_bytes": found}


def process_peak() -> int | None:
    """Most bytes that this process has held since it started; None on Windows, which does not
    say."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
