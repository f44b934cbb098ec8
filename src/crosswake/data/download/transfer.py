"""Fetches one file over HTTP: resumed where it was cut, checked before it gets its name."""

import contextlib
import hashlib
import http.client
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from crosswake import __version__
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write
from crosswake.core.progress import Progress, byte_text

CHUNK = 1 << 18
TIMEOUT_SECONDS = 60.0
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE_SECONDS = 60.0
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206
MAKE_ROOM = "make room or choose another folder"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often to try again when the network fails, and how long to wait before.

    Attributes:
        tries: failures in a row, without a byte gained, until giving up.
        pause_seconds: before the second try; doubled each time after.
    """

    tries: int = 5
    pause_seconds: float = 1.0


PATIENCE = Patience()


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        name: to store it under; a plain file name.
        url: where it is.
        size: in bytes.
        checksum: ``<algorithm>:<hex digits>``, such as ``md5:...``.
    """

    name: str
    url: str
    size: int
    checksum: str


class CutConnectionError(Exception):
    """The network or the server failed in a way that another try may mend.

    Attributes:
        pause: seconds that the server asks to wait first.
    """

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


def fetch(
    file: RemoteFile, folder: Path, quiet: bool = False, patience: Patience = PATIENCE
) -> Path:
    """Fetch a file into ``folder``.

    It grows under the name ``<name>.part``, so that a later call can go on where this one stopped.

    Returns:
        The path of the whole file, its size and checksum verified; at once if it is there already.

    Raises:
        CrosswakeError: no connection, the server refuses, the disk is full, or the file is not what
            was announced.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    if target.is_file() and target.stat().st_size == file.size and matches(target, file.checksum):
        return target
    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
    resumed = part.exists()
    complete_part(file, part, quiet, patience)
    if not matches(part, file.checksum) and resumed:
        # What an earlier run left may belong to another version of the file: start once anew.
        part.unlink()
        complete_part(file, part, quiet, patience)
    if not matches(part, file.checksum):
        found = checksum_of(part, file.checksum)
        part.unlink()
        raise CrosswakeError(
            f"{target}: checksum is {found}, expected {file.checksum}; run again to fetch it anew"
        )
    with disk_errors(target):
        with part.open("rb+") as whole:
            os.fsync(whole.fileno())  # else, after a power cut, the name may stand for nothing
        part.replace(target)
    return target


def complete_part(file: RemoteFile, part: Path, quiet: bool, patience: Patience) -> None:
    """Fetch until ``part`` has the announced size, trying again after each failure of the
    network."""
    most = bytes_in(part)
    if most > file.size:
        part.unlink()
        most = 0
    need = file.size - most
    free = shutil.disk_usage(part.parent).free
    if free < need:
        raise CrosswakeError(
            f"{part.parent}: {byte_text(need)} needed, {byte_text(free)} free; make room or use "
            "--to"
        )
    failures = 0
    with Progress(file.size, file.name, "bytes", quiet, already=most) as progress:
        while bytes_in(part) < file.size or not part.exists():
            try:
                fetch_rest(file, part, progress)
            except CutConnectionError as error:
                have = bytes_in(part)
                failures, most = (0, have) if have > most else (failures + 1, most)
                if failures >= patience.tries:
                    raise CrosswakeError(
                        f"{file.url}: {error}; check the network and run again to go on"
                    ) from error
                wait(failures, patience, error)


def fetch_rest(file: RemoteFile, part: Path, progress: Progress) -> None:
    """One request for what is missing, or for everything where the server cannot start in the
    middle."""
    have = bytes_in(part)
    with open_url(file.url, {"Range": f"bytes={have}-"} if have else {}) as response:
        start = f"bytes {have}-"
        resumes = response.status == PARTIAL_CONTENT and response.headers.get(
            "Content-Range", ""
        ).startswith(start)
        if not resumes:
            if response.status == PARTIAL_CONTENT:
                part.unlink(missing_ok=True)
                raise CutConnectionError("the server sent another part than was requested")
            progress.advance(-have)
            have = 0
        with disk_errors(part), part.open("ab" if resumes else "wb") as sink:
            for chunk in chunks_of(response):
                have += len(chunk)
                if have > file.size:
                    raise CrosswakeError(
                        f"{file.url}: longer than the {file.size} bytes announced; try again later"
                    )
                sink.write(chunk)
                progress.advance(len(chunk))
    if have < file.size:
        raise CutConnectionError(f"the connection was cut at {have} of {file.size} bytes")


def chunks_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body piece by piece; network errors as :class:`CutConnectionError`."""
    while True:
        try:
            chunk = response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise CutConnectionError(
                f"the connection was cut ({error or type(error).__name__})"
            ) from error
        if not chunk:
            return
        yield chunk


def read_url(url: str, most_bytes: int, patience: Patience = PATIENCE) -> bytes:
    """A short answer as bytes; fetched again after a failure, as :func:`fetch` does.

    Raises:
        CrosswakeError: no connection, the server refuses, or the answer is longer than
            ``most_bytes``.
    """
    for failures in range(1, patience.tries + 1):
        try:
            with open_url(url, {}) as response:
                answer = b""
                for chunk in chunks_of(response):
                    answer += chunk
                    if len(answer) > most_bytes:
                        raise CrosswakeError(
                            f"{url}: the answer is unreasonably long; is the address right?"
                        )
                return answer
        except CutConnectionError as error:
            if failures == patience.tries:
                raise CrosswakeError(f"{url}: {error}; check the network and run again") from error
            wait(failures, patience, error)
    raise AssertionError("a Patience allows at least one try")


def open_url(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send a GET request; what another try may mend is raised as :class:`CutConnectionError`."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise CrosswakeError(f"{url}: not an address to download from; http or https is expected")
    agent = {"User-Agent": f"crosswake/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            request, timeout=TIMEOUT_SECONDS
        )
        return response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in TRANSIENT_STATUS:
            seconds = error.headers.get("Retry-After", "")
            pause = float(seconds) if seconds.isdecimal() else 0.0
            raise CutConnectionError(
                f"the server answers {error.code} {error.reason}", pause
            ) from error
        if error.code == RANGE_NOT_SATISFIABLE and "Range" in headers:
            return open_url(url, {})
        hint = (
            "it may have moved; see the source in the list"
            if error.code in (404, 410)
            else "see the source"
        )
        raise CrosswakeError(
            f"{url}: the server answers {error.code} {error.reason}; {hint}"
        ) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            detail = error.reason.verify_message
            raise CrosswakeError(
                f"{url}: certificate not trusted ({detail}); check clock and proxy"
            ) from error
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise CutConnectionError(f"no connection ({reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise CutConnectionError(f"no connection ({error or type(error).__name__})") from error


def wait(failures: int, patience: Patience, error: CutConnectionError) -> None:
    """Pause before the next try, longer each time, and as long as the server asks within reason."""
    pause = max(patience.pause_seconds * 2 ** max(failures - 1, 0), error.pause)
    time.sleep(min(pause, LONGEST_PAUSE_SECONDS))


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system (a full disk, no permission) into one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error, remedy=MAKE_ROOM) from error


def bytes_in(path: Path) -> int:
    """Bytes in a file, 0 if it is not there."""
    return path.stat().st_size if path.exists() else 0


def matches(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum."""
    return checksum_of(path, checksum) == checksum.lower()


def checksum_of(path: Path, like: str) -> str:
    """A file's checksum, by the algorithm that ``like`` (``md5:...``) names.

    Raises:
        CrosswakeError: the algorithm is not known.
    """
    algorithm = like.partition(":")[0].lower()
    if algorithm not in hashlib.algorithms_available:
        raise CrosswakeError(
            f"{path.name}: its source gives a checksum of unknown kind '{algorithm}'"
        )
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
