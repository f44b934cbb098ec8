"""Fetches the files of a Zenodo record and unpacks its archives.

``/api/records/NUMBER`` (https://developers.zenodo.org) answers with the ``key``, ``size``,
``checksum`` and ``links`` of each file of a record.
"""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.data.download.archive import folder_name, is_archive, unpack
from crosswake.data.download.catalogue import ZenodoRecord
from crosswake.data.download.transfer import (
    MAKE_ROOM,
    PATIENCE,
    Patience,
    RemoteFile,
    fetch,
    matches,
    read_url,
)

BASE = "https://zenodo.org"
MOST_RECORD_BYTES = 20_000_000
URL_MARKS = "%:/?#[]@!$&'()*+,;=~"
"""Left as they are in addresses; a space, say, is not."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What Zenodo says of a record."""

    licence: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, kw_only=True)
class DownloadPlan:
    """Which files of a record are wanted, and which of them are not there yet.

    Attributes:
        source: the record.
        record: what Zenodo says of it.
        folder: where it goes.
        wanted: the files that the user chose.
        missing: those of them to fetch.
    """

    source: ZenodoRecord
    record: Record
    folder: Path
    wanted: tuple[RemoteFile, ...]
    missing: tuple[RemoteFile, ...]

    @property
    def receipt(self) -> Path:
        """The note of what was fetched, so that a second call does nothing, even offline."""
        return receipt_path(self.source, self.folder)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders unpacked, and the files that are no archives, once all is there."""
        return tuple(result_path(file, self.folder) for file in self.wanted)


def fetch_description(
    source: ZenodoRecord, base: str = BASE, patience: Patience = PATIENCE
) -> Record:
    """Fetch the list of a record's files from Zenodo.

    Raises:
        CrosswakeError: no connection, no such record, or an answer that is not one.
    """
    url = f"{base}/api/records/{source.record}"
    try:
        answer: dict[str, Any] = json.loads(read_url(url, MOST_RECORD_BYTES, patience))
        licence = (answer.get("metadata") or {}).get("license") or {}
        files = tuple(remote_file(entry, url) for entry in answer["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CrosswakeError(
            f"{url}: the answer is no Zenodo record; fetch it by hand from {source.source}"
        ) from error
    if not files:
        raise CrosswakeError(f"{url}: the record shows no files; see {source.source}")
    return Record(licence=str(licence.get("id", "")), files=files)


def remote_file(entry: dict[str, Any], url: str) -> RemoteFile:
    """One file of the answer."""
    name = str(entry["key"])
    if not is_plain_name(name):
        raise CrosswakeError(
            f"{url}: the record names a file {name!r}, which is no plain name; not fetched"
        )
    links = entry["links"]
    where = quote(str(links.get("content") or links["self"]), safe=URL_MARKS)
    return RemoteFile(
        name=name, url=where, size=int(entry["size"]), checksum=str(entry["checksum"])
    )


def plan_record(
    source: ZenodoRecord,
    folder: Path,
    only: str = "*",
    base: str = BASE,
    patience: Patience = PATIENCE,
) -> DownloadPlan:
    """Find out what to fetch; needs the network unless the folder has the record's receipt.

    Args:
        source: the record.
        folder: where its files are to go; need not exist.
        only: pattern of the file names wanted, such as ``HOSS*``.
        base: address of the Zenodo server.
        patience: for the network.

    Raises:
        CrosswakeError: no connection, no such record or file, or a folder to unpack to exists
            already.
    """
    done = read_receipt(receipt_path(source, folder))
    record = record_from(done["record"]) if done else fetch_description(source, base, patience)
    wanted = choose(record.files, only, source)
    missing = tuple(file for file in wanted if not is_there(file, folder, done))
    for file in missing:
        if is_archive(file.name) and result_path(file, folder).exists():
            where = result_path(file, folder)
            raise CrosswakeError(
                f"{where}: exists, but not as fetched by this command; move it away or use --to"
            )
    return DownloadPlan(
        source=source, record=record, folder=folder, wanted=tuple(wanted), missing=missing
    )


def fetch_record(plan: DownloadPlan, quiet: bool = False, patience: Patience = PATIENCE) -> None:
    """Fetch what is missing; archives are unpacked beside each other, then deleted.

    Raises:
        CrosswakeError: the network, the disk, or a file fails.
    """
    for file in plan.missing:
        path = fetch(file, plan.folder, quiet, patience)
        count = (
            unpack(path, result_path(file, plan.folder), quiet=quiet)
            if is_archive(file.name)
            else 0
        )
        files = read_receipt(plan.receipt).get("files", {}) | {file.name: count}
        write_receipt(plan.receipt, {"record": record_as(plan.record), "files": files})
        if is_archive(file.name):
            path.unlink()


def is_plain_name(name: str) -> bool:
    """Whether a name is that of a file in this very folder, on any system, and not hidden."""
    return not name.startswith(".") and not set(name) & set('/\\:<>"|?*\0') and bool(name.strip())


def receipt_path(source: ZenodoRecord, folder: Path) -> Path:
    """Where it is noted what was fetched."""
    return folder / f".{source.name}.json"


def result_path(file: RemoteFile, folder: Path) -> Path:
    """What a file becomes: the folder that it unpacks to, or itself."""
    return folder / (folder_name(file.name) if is_archive(file.name) else file.name)


def choose(files: Sequence[RemoteFile], only: str, source: ZenodoRecord) -> list[RemoteFile]:
    """The files whose name fits a pattern."""
    wanted = [file for file in files if fnmatch.fnmatch(file.name, only)]
    if not wanted:
        names = ", ".join(file.name for file in files)
        raise CrosswakeError(
            f"--only {only}: no file of {source.name} has such a name; there are: {names}"
        )
    return wanted


def is_there(file: RemoteFile, folder: Path, done: dict[str, Any]) -> bool:
    """Whether a file was fetched before and still is as it was."""
    if file.name not in done.get("files", {}):
        return False
    if not is_archive(file.name):
        path = folder / file.name
        return path.is_file() and path.stat().st_size == file.size and matches(path, file.checksum)
    unpacked = result_path(file, folder)
    found = sum(path.is_file() for path in unpacked.rglob("*")) if unpacked.is_dir() else 0
    return bool(found >= done["files"][file.name])


def read_receipt(path: Path) -> dict[str, Any]:
    """What an earlier call noted; nothing if there is no readable note.

    Raises:
        CrosswakeError: it names a file outside its folder.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [str(file.name) for file in record_from(content["record"]).files]
        done = {str(key): int(value) for key, value in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    # A receipt is input like any other: the folder may come from somebody else.
    for name in names:
        if not is_plain_name(name):
            raise CrosswakeError(
                f"{path}: names the file {name!r}, which is no plain name; delete {path.name} and "
                "run again"
            )
    return {"record": content["record"], "files": done}


def write_receipt(path: Path, content: dict[str, Any]) -> None:
    """Note what was done."""
    with replacing(path, remedy=MAKE_ROOM) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def record_as(record: Record) -> dict[str, Any]:
    """A record as JSON. The files of a published record never change, so what is stored stays
    right."""
    return {"licence": record.licence, "files": [vars(file) for file in record.files]}


def record_from(content: dict[str, Any]) -> Record:
    """The reverse of :func:`record_as`."""
    return Record(
        licence=content["licence"], files=tuple(RemoteFile(**entry) for entry in content["files"])
    )
