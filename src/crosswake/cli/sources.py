"""What ``--data`` names."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.core.errors import CrosswakeError

if TYPE_CHECKING:
    from crosswake.data.pairs import PairData
    from crosswake.data.reid import ReidData


def require_there(source: Path, kind: str = "folder") -> None:
    """Raise one line unless there is such a file or folder."""
    from crosswake.data.sources.folders import is_file, is_folder

    if not is_file(source) and not is_folder(source):
        raise CrosswakeError(f"--data: {source}: no such {kind}; correct the path")


def own_name(source: Path) -> str:
    """What a folder or table is called on disk, for the names of results."""
    path = source.resolve()
    return path.stem if path.is_file() else path.name


def results_folder(checkpoint: Path, kind: str, name: str) -> Path:
    """Where results on data of a name go unless the user says: beside the weights, and apart from
    those of the ``best.pt`` that lies there too."""
    best = checkpoint.with_name("best.pt")
    of = f"-{checkpoint.name}" if checkpoint != best and best.exists() else ""
    return checkpoint.parent / f"{kind}-{name}{of}"


def open_pairs(source: Path) -> "PairData":
    """Optical-SAR pairs in any layout.

    Raises:
        CrosswakeError: there are none.
    """
    from crosswake.data.sources.open import find_reader

    require_there(source)
    reader = find_reader(source)
    if reader is None:
        raise CrosswakeError(
            f"--data: {source} holds no optical-SAR pairs in a known layout; see data pairs"
        )
    return reader(source)


def open_test(source: Path, split: str | None) -> tuple["ReidData", str]:
    """Queries and galleries, of ships or of the places of optical-SAR pairs, and what results on
    them are called."""
    from crosswake.data.pair_chips import as_retrieval, pairs_to_measure
    from crosswake.data.pairs import PairData
    from crosswake.data.sources.open import open_data, to_measure

    require_there(source, "folder or table")
    data = open_data(source)
    if isinstance(data, PairData):
        pairs = pairs_to_measure(data, split)
        splits = {pair.split for pair in pairs.pairs}
        one = splits if len(splits) == 1 else set()
        return as_retrieval(pairs), "-".join(filter(None, (own_name(source), *one)))
    if split is not None:
        raise CrosswakeError("--split: only optical-SAR pairs are measured by split; leave it out")
    return to_measure(data), own_name(source)
