"""Times several ways to do one thing in turn, so that other work slows all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from crosswake.core.progress import Progress

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long one way took.

    Attributes:
        seconds: of each repeat, in order.
        peak_bytes: the process's peak memory in a repeat, less what it held at its start; None
            where the system does not say.
        result: what the last repeat returned.
    """

    seconds: tuple[float, ...]
    peak_bytes: int | None
    result: Any

    @property
    def median(self) -> float:
        """Median of the repeats, in seconds."""
        return median(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A ratio of each repeat of one way to the same repeat of another: median and extremes."""

    median: float
    low: float
    high: float


def interleave(
    ways: Mapping[str, Callable[[], Any]], *, repeats: int, quiet: bool = True
) -> dict[str, Timing]:
    """Run each way ``repeats`` times: a, b, c, then c, b, a, and so on.

    Args:
        ways: a function by its name.
        repeats: at least 1.
        quiet: show no progress.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, list[int]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    with Progress(repeats * len(ways), "timing", unit="runs", quiet=quiet) as progress:
        for repeat in range(repeats):
            for name in list(ways)[:: 1 if repeat % 2 == 0 else -1]:
                before = reset_peak()
                started = time.perf_counter()
                results[name] = ways[name]()
                seconds[name].append(time.perf_counter() - started)
                peak = status_bytes("VmHWM")
                if before is not None and peak is not None:
                    peaks[name].append(max(0, peak - before))
                progress.advance(note=name)
    return {
        name: Timing(
            seconds=tuple(seconds[name]),
            peak_bytes=max(peaks[name]) if peaks[name] else None,
            result=results[name],
        )
        for name in ways
    }


def ratio(plain: Timing, ours: Timing) -> Ratio:
    """How many times longer ``plain`` takes than ``ours``."""
    found = [slow / fast for slow, fast in zip(plain.seconds, ours.seconds, strict=True)]
    return Ratio(median=median(found), low=min(found), high=max(found))


def rate(amount: float, timing: Timing) -> Ratio:
    """``amount`` a second."""
    found = [amount / seconds for seconds in timing.seconds]
    return Ratio(median=median(found), low=min(found), high=max(found))


def share_of_rate(amount: float, timing: Timing, limit_amount: float, limit: Timing) -> Ratio:
    """The rate of ``amount`` over that of ``limit_amount`` in the same repeat."""
    pairs = zip(timing.seconds, limit.seconds, strict=True)
    found = [(amount / seconds) / (limit_amount / of_limit) for seconds, of_limit in pairs]
    return Ratio(median=median(found), low=min(found), high=max(found))


def reset_peak() -> int | None:
    """Reset the process's peak memory to what it holds now, which is returned.

    None where the system does not allow it.
    """
    try:
        RESET.write_text("5")
    except OSError:
        return None
    return status_bytes("VmRSS")


def status_bytes(field: str) -> int | None:
    """A field of the process's status, in bytes; None where there is none."""
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None
