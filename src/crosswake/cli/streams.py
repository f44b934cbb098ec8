"""Standard output and error, whatever they lead to: a pipe that closes, a full disk, a terminal
that knows only ASCII, nothing at all."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from crosswake.core.text import escaped, plain_text

ASCII = {"–": "-", "—": "-", "…": "...", "·": "*", "×": "x", "²": "^2", "’": "'"}
"""Of the characters that our own lines contain, what stands for them in ASCII."""


class Steady:
    """A stream whose failure does not stop the job: what cannot be written is dropped, and
    ``error`` says why.

    Args:
        stream: where to write.
        kept: control characters that stay; others are written as their code.
    """

    def __init__(self, stream: Any, kept: str) -> None:
        self.stream, self.kept = stream, kept
        self.error: Exception | None = None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="crosswake")

    def write(self, text: str) -> int:
        """Write, or drop."""
        self.attempt(self.stream.write, plain_text(text, self.kept))
        return len(text)

    @property
    def styled(self) -> "Styled":
        """The same stream for those who write colours, and have made sure of the text."""
        return Styled(self)

    def flush(self) -> None:
        """Write out what waits, or drop it."""
        self.attempt(self.stream.flush)

    def attempt(self, function: Any, *arguments: str) -> None:
        """Call a function of the stream; at its first failure, give the stream up."""
        if self.error is not None:
            return
        try:
            function(*arguments)
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            self.error = error
            # Python writes out what waits once more when it ends; let that succeed.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Styled:
    """A :class:`Steady` stream through which control characters pass."""

    def __init__(self, steady: Steady) -> None:
        self.steady = steady

    def write(self, text: str) -> int:
        """Write, or drop."""
        self.steady.attempt(self.steady.stream.write, text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.steady, name)


class Streams:
    """The exit code of a command, and whether its output was lost.

    Attributes:
        code: what the command returned.
    """

    def __init__(self) -> None:
        self.code = 0


@contextlib.contextmanager
def steady_streams(code_if_lost: int) -> Iterator[Streams]:
    """Let a command write to streams that do not fail.

    A reader that has seen enough, such as ``head``, is no fault; the job goes on without it. Where
    output is lost against the reader's will, one line on standard error says so, and a code of 0
    becomes ``code_if_lost``.
    """
    codecs.register_error("crosswake", in_ascii)
    occupy_closed()
    before = sys.stdout, sys.stderr
    out = Steady(sys.stdout or nowhere(), kept="\n\t")
    err = Steady(sys.stderr or nowhere(), kept="\n\t")
    sys.stdout, sys.stderr = cast(Any, out), cast(Any, err)
    streams = Streams()
    try:
        yield streams
    finally:
        out.flush()
        lost = out.error is not None and not isinstance(out.error, BrokenPipeError)
        if lost:
            reason = getattr(out.error, "strerror", None) or out.error
            print(f"crosswake: standard output cannot be written ({reason})", file=err)
        err.flush()
        sys.stdout, sys.stderr = before
        ended = isinstance(
            sys.exception(), SystemExit | type(None)
        )  # an error tells more than this
        if lost and streams.code == 0 and ended:
            raise SystemExit(code_if_lost)


def nowhere() -> TextIO:
    """A stream for a process that was started without one."""
    return Path(os.devnull).open("w", encoding="utf-8")


def occupy_closed() -> None:
    """Open the standard streams that are closed onto nothing. Otherwise the next file that is
    opened would get the number of one, and what libraries print would land in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a stream's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(ASCII.get(one) or escaped(one) for one in lacking), error.end
