"""Runs many damaged inputs through the product: each ends well or in one line for the user, in
bounded time and memory.

A case is a number, from which everything in it is drawn, so that it can be repeated alone::

    FUZZ=17 pytest tests/fuzz -k weights       # case 17
    FUZZ=full pytest tests/fuzz               # all of them, as make fuzz does
"""

import faulthandler
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from crosswake.cli.main import run_command
from crosswake.core.errors import CrosswakeError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

WANTED = os.environ.get("FUZZ", "")
"""Empty for the few cases of every test run, ``full``, or the number of one case."""

Attempt = Callable[[random.Random, Path], object]
"""Makes an input of what the generator draws, in a folder of its own, and gives it to the
product."""


class HungError(BaseException):
    """A case took too long. No ``except Exception`` of the product stops it."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a case may take, and how many cases there are.

    Attributes:
        small: cases of every test run.
        full: cases of ``make fuzz``.
        seconds: most that a case may take.
        mebibytes: most memory that it may ask for beyond what the process has.
    """

    small: int
    full: int
    seconds: float = 20.0
    mebibytes: int = 1024

    def cases(self) -> Sequence[int]:
        """The numbers of the cases to run."""
        if WANTED in ("", "full"):
            return range(self.full if WANTED else self.small)
        return [int(WANTED)]


def fuzz(target: str, attempt: Attempt, folder: Path, bounds: Bounds) -> Counter[str]:
    """Run all cases; ``succeeded`` and ``refused`` are counted.

    Args:
        target: a name, which the cases of a target are drawn from too.
        attempt: one case.
        folder: of the test; each case has an empty one in it.
        bounds: of each case.

    Raises:
        AssertionError: some cases ended otherwise; it lists them.
    """
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    for case in bounds.cases():
        place = folder / f"{target}-{case}"
        place.mkdir()
        try:
            with within(bounds):
                attempt(random.Random(f"{target} {case}"), place)
            tally["succeeded"] += 1
        except CrosswakeError as error:
            tally["refused"] += 1
            if complaint := why_no_help(str(error)):
                wrong.append(f"{case}: {complaint}: {str(error)[:300]!r}")
        except (Exception, SystemExit, HungError) as error:
            wrong.append(f"{case}: {type(error).__name__}: {str(error)[:300]}")
        shutil.rmtree(place, ignore_errors=True)
    listed = "\n".join(wrong[:40])
    assert not wrong, f"{len(wrong)} of {len(bounds.cases())} cases of {target}:\n{listed}"
    return tally


def why_no_help(message: str) -> str:
    """Why a message is not one short line for a terminal; empty if it is."""
    if len(message) > 1000:
        return f"{len(message)} characters"
    if not message.strip():
        return "says nothing"
    return "more than one line" if "\n" in message else ""


def cli(*words: object) -> None:
    """Run ``crosswake`` with these words, and let all exceptions through.

    Raises:
        CrosswakeError: the command refused.
        AssertionError: it ended with another code than 0 and 2.
    """
    code = run_command([str(word) for word in words])
    assert code in (0, 2), f"exit code {code}"


@contextmanager
def within(bounds: Bounds) -> Iterator[None]:
    """Bound the time and memory of what is done here, where the system can.

    Code that never comes back to Python ends the whole process, with the line where it is.
    """
    if resource is None or not hasattr(signal, "setitimer"):
        yield
        return
    faulthandler.dump_traceback_later(3 * bounds.seconds, exit=True)
    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, bounds.seconds)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if there := address_space():
        resource.setrlimit(resource.RLIMIT_AS, (there + (bounds.mebibytes << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def hung(number: int, frame: FrameType | None) -> None:
    """End a case that takes too long."""
    where = f" in {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
    raise HungError(f"took too long{where} (signal {number})")


def address_space() -> int:
    """Bytes of memory that the process has asked for so far; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Bytes cut short, with bits flipped, with a part doubled, removed, zeroed or made random."""
    if not content:
        return rng.randbytes(rng.randrange(64))
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice((1, 8, 100, 1000, len(content))))
    part = content[start:end]
    kind = rng.choice(("flip", "flip", "cut", "double", "remove", "zero", "random", "append"))
    if kind == "flip":
        changed = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 8, 64))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    replaced = {
        "double": part * 2,
        "remove": b"",
        "zero": bytes(len(part)),
        "random": rng.randbytes(len(part)),
    }
    if kind in replaced:
        return content[:start] + replaced[kind] + content[end:]
    return content[:start] if kind == "cut" else content + rng.randbytes(rng.choice((1, 1000)))
