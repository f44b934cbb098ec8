"""Opens whatever ``--data`` names."""

from pathlib import Path

from crosswake.datasets.hoss import read_hoss
from crosswake.datasets.reid import ReidData
from crosswake.datasets.table import read_table


def open_reid(source: Path) -> ReidData:
    """A CSV table if ``source`` is a file, else a HOSS-layout folder.

    Raises:
        CrosswakeError: the source does not exist, or is neither.
    """
    return read_table(source) if source.is_file() else read_hoss(source)
