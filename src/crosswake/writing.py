"""Files appear whole or not at all, in folders that are made first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosswake.errors import CrosswakeError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and is removed when not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise CrosswakeError(
            f"{path}: cannot be written ({error.strerror or error}); choose another --output"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make ``path`` before any work is done, so that a bad name costs nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrosswakeError(f"{path}: cannot be made a folder ({error.strerror}); choose another --output") from error
