"""Fetches the files of a Zenodo record and unpacks its archives.

``/api/records/NUMBER`` (https://developers.zenodo.org) answers with the ``key``, ``size``,
``checksum`` and ``links`` of each file of a record.
"""

import fnmatch
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import is_plain_name, replacing
from crosswake.data.download.archive import MOST_BYTES, folder_name, is_archive, unpack
from crosswake.data.download.catalogue import ZenodoRecord
from crosswake.data.download.transfer import MAKE_ROOM, RemoteFile, fetch, is_whole
from crosswake.data.download.web import PATIENCE, Patience, read_url

BASE = "https://zenodo.org"
MOST_RECORD_BYTES, MOST_LICENCE = 20_000_000, 100
URL_MARKS = "%:/?#[]@!$&'()*+,;=~"
"""Left as they are in addresses; a space, say, is not."""
CHECKSUM = re.compile("md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
NO_RECORD = (ValueError, RecursionError, OverflowError, LookupError, TypeError, AttributeError)
"""What reading a JSON file of another kind as a record may raise."""
Done = dict[str, tuple[int, int]]
"""Of each file fetched, the number and bytes of the files that it became."""


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
    answer = read_url(url, MOST_RECORD_BYTES, patience)
    try:
        record = record_of(json.loads(answer))
    except BadRecordError as error:
        raise CrosswakeError(f"{url}: {error}; not fetched, see {source.source}") from error
    except NO_RECORD as error:
        raise CrosswakeError(
            f"{url}: the answer is no Zenodo record; fetch it by hand from {source.source}"
        ) from error
    return record


class BadRecordError(Exception):
    """A record says something that no record should."""


def record_of(answer: dict[str, Any]) -> Record:
    """A record out of Zenodo's answer, or out of a receipt, which has the same form.

    Raises:
        BadRecordError: a name, size or checksum is not as it should be; the message says which.
        KeyError, TypeError, AttributeError: it is no record at all.
    """
    files = tuple(remote_file(entry) for entry in answer["files"])
    if not files:
        raise BadRecordError("the record shows no files")
    names = Counter(result_path(file, Path()).name.casefold() for file in files)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise BadRecordError(f"{count} files of the record would all become {name}")
    licence = ((answer.get("metadata") or {}).get("license") or {}).get("id", "")
    good = isinstance(licence, str) and licence.isprintable() and len(licence) <= MOST_LICENCE
    return Record(licence=licence if good else "", files=files)


def remote_file(entry: dict[str, Any]) -> RemoteFile:
    """One file of a record."""
    name, size, checksum = entry["key"], entry["size"], entry["checksum"]
    stem = folder_name(name) if isinstance(name, str) and is_archive(name) else name
    plain = isinstance(name, str) and is_plain_name(name) and is_plain_name(stem)
    if not plain or name.startswith("."):
        raise BadRecordError(f"the record names a file {ascii(name)[:200]}, which is no plain name")
    if type(size) is not int or not 0 <= size <= MOST_BYTES:
        raise BadRecordError(f"the record gives {name} the size {ascii(size)[:50]}")
    if not isinstance(checksum, str) or not CHECKSUM.fullmatch(checksum.lower()):
        raise BadRecordError(f"the record gives {name} the checksum {ascii(checksum)[:150]}")
    links = entry["links"]
    where = quote(str(links.get("content") or links["self"]), safe=URL_MARKS)
    return RemoteFile(name=name, url=where, size=size, checksum=checksum)


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
    known, done = read_receipt(receipt_path(source, folder))
    record = known
    if known is None or not all(
        is_there(file, folder, done) for file in choose(known.files, only, source)
    ):
        # Only Zenodo itself says what is fetched; the receipt came with the folder.
        record = fetch_description(source, base, patience)
    assert record is not None
    wanted = choose(record.files, only, source)
    missing = tuple(file for file in wanted if not is_there(file, folder, done))
    for file in missing:
        where = result_path(file, folder)
        if is_archive(file.name) and os.path.lexists(where):
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
        path, result = fetch(file, plan.folder, quiet, patience), result_path(file, plan.folder)
        if is_archive(file.name):
            unpack(path, result, quiet=quiet)
        _, done = read_receipt(plan.receipt)
        write_receipt(plan.receipt, plan.record, done | {file.name: count_below(result)})
        if is_archive(file.name):
            path.unlink()


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


def is_there(file: RemoteFile, folder: Path, done: Done) -> bool:
    """Whether a file was fetched before and still is as it was, by files and bytes if unpacked."""
    if file.name not in done:
        return False
    result = result_path(file, folder)
    if not is_archive(file.name):
        return is_whole(result, file)
    return all(now >= then for now, then in zip(count_below(result), done[file.name], strict=True))


def count_below(folder: Path) -> tuple[int, int]:
    """Number and bytes of the files in a folder; (0, 0) if there is none."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def read_receipt(path: Path) -> tuple[Record | None, Done]:
    """What an earlier call noted: the record, and what became of its files; (None, nothing) if
    there is no note.

    A receipt is input like any other, as the folder may come from somebody else, so it is judged
    as Zenodo's answer is.

    Raises:
        CrosswakeError: it names a file outside its folder or the like, or is no receipt.
    """
    if not os.path.lexists(path):
        return None, {}
    try:
        if not path.is_file():
            raise TypeError
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        done = {str(name): (int(files), int(size)) for name, (files, size) in content["done"]}
        return record_of(content), done
    except BadRecordError as error:
        raise CrosswakeError(f"{path}: {error}; delete {path.name} and run again") from error
    except (OSError, *NO_RECORD) as error:
        raise CrosswakeError(
            f"{path}: is no note of what this command fetched; move it away or use --to"
        ) from error


def write_receipt(path: Path, record: Record, done: Done) -> None:
    """Note what was done, in the form of Zenodo's answer. The files of a published record never
    change, so what is stored stays right."""
    files = [
        {
            "key": file.name,
            "size": file.size,
            "checksum": file.checksum,
            "links": {"self": file.url},
        }
        for file in record.files
    ]
    content = {"metadata": {"license": {"id": record.licence}}, "files": files}
    with replacing(path, remedy=MAKE_ROOM) as part:
        part.write_text(json.dumps(content | {"done": list(done.items())}, indent=2) + "\n")
