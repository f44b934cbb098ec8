"""Opens whatever ``--data`` names."""

from pathlib import Path

from crosswake.data.pair_chips import pair_chips
from crosswake.data.reid import ReidData
from crosswake.data.sources.hoss import read_hoss
from crosswake.data.sources.pair_layouts import find_reader
from crosswake.data.sources.table import read_table


def open_reid(source: Path) -> ReidData:
    """A CSV table if ``source`` is a file, else a HOSS-layout folder.

    Raises:
        CrosswakeError: the source does not exist, or is neither.
    """
    return read_table(source) if source.is_file() else read_hoss(source)


def open_chips(source: Path) -> ReidData:
    """What :func:`open_reid` opens, or a folder of optical-SAR pairs, each half a chip of the
    gallery.

    Raises:
        CrosswakeError: the source does not exist, or is none of these.
    """
    read_pairs = find_reader(source)
    if read_pairs is None:
        return open_reid(source)
    data = read_pairs(source)
    optical, radar = pair_chips(data.pairs)
    return ReidData(
        name=data.name,
        root=data.root,
        gallery=optical + radar,
        bad_files=data.bad_files,
        subject="place",
    )
