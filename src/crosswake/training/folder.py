"""A run's folder: only that run writes it, its settings lie in it, and a start that failed leaves
nothing in it."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.lock import only_writer
from crosswake.core.said import FIRST_PROCESS, RANKS
from crosswake.settings.common import plain
from crosswake.settings.run import SETTINGS_FILE, RunConfig
from crosswake.training.processes import STARTER

LAST, BEST = "last.pt", "best.pt"
FIRST_FILES = (SETTINGS_FILE, "pairs-*.u8", "pairs-*.json", "tiles-*.u8", "tiles-*.json")
"""What a run writes before its first checkpoint."""


@contextmanager
def own_folder(config: RunConfig) -> Iterator[None]:
    """Around a run: no other run writes its folder. If it fails before it has saved anything, what
    it has written is removed, so that the next try is a first one.

    After Ctrl-C, pairs that were decoded stay, for the next try to use.

    Raises:
        CrosswakeError: the folder cannot be used, or another run is writing it.
    """
    check_folders(config)
    if started_by_another():
        yield
        return
    with only_writer(config.output):
        before, saved = set(config.output.iterdir()), stamp(config.output / LAST)
        try:
            yield
        except Exception:
            if stamp(config.output / LAST) == saved:
                made = {path for name in FIRST_FILES for path in config.output.glob(name)}
                for path in made - before:
                    path.unlink(missing_ok=True)
            raise


def check_folders(config: RunConfig) -> None:
    """Raise if output or cache is a file, or below one."""
    for option in ("output", "cache"):
        folder: Path | None = getattr(config, option, None)
        for path in (folder, *folder.parents) if folder is not None else ():
            if path.exists() and not path.is_dir():
                raise CrosswakeError(f"--{option}: {path} is a file; name a folder")


def started_by_another() -> bool:
    """Whether this is not the first process of its run, which is the one that writes."""
    number = (os.environ.get(name, FIRST_PROCESS) for name in RANKS)
    return STARTER in os.environ or any(one != FIRST_PROCESS for one in number)


def stamp(path: Path) -> int:
    """When a file was last written, in nanoseconds; 0 if there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def write_settings(config: RunConfig) -> None:
    """Write the settings that ``--resume`` goes on with; the first line names the command."""
    settings = plain(config) | absolute_paths(config) | {"resume": False}
    text = f"# crosswake {config.command}\n{yaml.safe_dump(settings, sort_keys=False)}"
    with replacing(config.output / SETTINGS_FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def absolute_paths(config: RunConfig) -> dict[str, Any]:
    """Where a run finds what it reads, from whichever folder it is resumed."""
    named = {name: getattr(config, name, None) for name in ("data", "cache", "init")}
    if named["init"] and not Path(named["init"]).exists():
        del named["init"]  # the name of something to download
    return {name: str(Path(value).absolute()) for name, value in named.items() if value}
