"""Requests to a server of the web: what it refuses for now is tried again, and its redirects stay
on the web."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from crosswake import __version__
from crosswake.core.errors import CrosswakeError

Answer = TypeVar("Answer")
CHUNK = 1 << 18
TIMEOUT_SECONDS = 60.0
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE_SECONDS = 60.0
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


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


class CutConnectionError(Exception):
    """The network or the server failed in a way that another try may mend.

    Attributes:
        pause: seconds that the server asks to wait first.
    """

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


def read_url(url: str, most_bytes: int, patience: Patience = PATIENCE) -> bytes:
    """A short answer as bytes; fetched again after a failure, as a file is.

    Raises:
        CrosswakeError: no connection, the server refuses, or the answer is longer than
            ``most_bytes``.
    """

    def read() -> bytes:
        answer = bytearray()
        with open_url(url, {}) as response:
            for chunk in chunks_of(response):
                answer += chunk
                if len(answer) > most_bytes:
                    raise CrosswakeError(
                        f"{url}: the answer is unreasonably long; is the address right?"
                    )
        return bytes(answer)

    return patiently(read, url, patience)


def patiently(
    attempt: Callable[[], Answer],
    url: str,
    patience: Patience,
    gained: Callable[[], int] = lambda: 0,
) -> Answer:
    """Try until it works, waiting longer after each failure; ``gained`` tells the bytes there, and
    whoever has more than before begins to count anew."""
    failures, most = 0, gained()
    while True:
        try:
            return attempt()
        except CutConnectionError as error:
            failures, most = (0, gained()) if gained() > most else (failures + 1, most)
            if failures >= patience.tries:
                raise CrosswakeError(
                    f"{url}: {error}; check the network and run again to go on"
                ) from error
            pause = max(patience.pause_seconds * 2 ** max(failures - 1, 0), error.pause)
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS))


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


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server's redirects, but only to addresses that may be downloaded from."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> Any:
        """As the base class; an address of another kind is refused, and so is one without
        encryption where there was encryption."""
        request, address = args[0], args[-1]
        require_web(address, encrypted=request.full_url.startswith("https:"))
        return super().redirect_request(*args, **kwargs)


def require_web(url: str, encrypted: bool = False) -> None:
    """Raise unless an address is of the web."""
    try:
        kind = urlsplit(url).scheme
    except ValueError:
        kind = ""
    if kind not in (("https",) if encrypted else ("http", "https")):
        wanted = "https" if encrypted else "http or https"
        raise CrosswakeError(f"{url}: not an address to download from; {wanted} is expected")


def open_url(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send a GET request; what another try may mend is raised as :class:`CutConnectionError`."""
    require_web(url)
    agent = {"User-Agent": f"crosswake/{__version__}", "Accept-Encoding": "identity"}
    try:
        request = urllib.request.Request(url, headers=agent | headers)
        opener = urllib.request.build_opener(Redirects)
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
        return response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE and "Range" in headers:
            return open_url(url, {})
        raise refusal(url, error) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            detail = error.reason.verify_message
            raise CrosswakeError(
                f"{url}: certificate not trusted ({detail}); check clock and proxy"
            ) from error
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise CutConnectionError(f"no connection ({reason})") from error
    except (http.client.InvalidURL, ValueError) as error:
        raise CrosswakeError(f"{url}: not an address to download from ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        raise CutConnectionError(f"no connection ({error or type(error).__name__})") from error


def refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    """What a server's refusal is: for now, or for good."""
    phrase = http.client.responses.get(error.code, "")  # the server's own words may be any bytes
    said = f"the server answers {error.code} {phrase}".rstrip()
    if error.code in TRANSIENT_STATUS:
        seconds = error.headers.get("Retry-After", "")
        return CutConnectionError(said, float(seconds) if seconds.isdecimal() else 0.0)
    moved = error.code in (404, 410)
    hint = "it may have moved; see the source in the list" if moved else "see the source"
    return CrosswakeError(f"{url}: {said}; {hint}")
