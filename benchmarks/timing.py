"""Times several ways of doing one thing in turn, so that what else the machine does hits all
alike."""

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
    """How one way did.

    Attributes:
        seconds: of every repeat, in order.
        peak_bytes: most memory of the process above that at the start of a repeat; None where the
            system does not say.
        result: what the last repeat gave.
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
    """How many times longer one way takes than another: median over repeats, each taken against its
    neighbour."""

    median: float
    low: float
    high: float


def interleave(
    ways: Mapping[str, Callable[[], Any]], *, repeats: int, quiet: bool = True
) -> dict[str, Timing]:
    """Run every way ``repeats`` times, one after the other, in turn forwards and backwards.

    Args:
        ways: name to function; what it returns is kept.
        repeats: how often, at least 1.
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
    """How many times longer ``plain`` takes; low and high are the extremes over repeats."""
    found = [slow / fast for slow, fast in zip(plain.seconds, ours.seconds, strict=True)]
    return Ratio(median=median(found), low=min(found), high=max(found))


def rate(amount: float, timing: Timing) -> Ratio:
    """``amount`` a second, likewise."""
    found = [amount / seconds for seconds in timing.seconds]
    return Ratio(median=median(found), low=min(found), high=max(found))


def share_of_rate(amount: float, timing: Timing, limit_amount: float, limit: Timing) -> Ratio:
    """The rate of ``amount`` in ``timing`` over that of ``limit_amount`` in the same turn of
    ``limit``."""
    pairs = zip(timing.seconds, limit.seconds, strict=True)
    found = [(amount / seconds) / (limit_amount / of_limit) for seconds, of_limit in pairs]
    return Ratio(median=median(found), low=min(found), high=max(found))


def reset_peak() -> int | None:
    """Set the process's peak memory back to what it holds now, which is returned; None where that
    cannot be."""
    try:
        RESET.write_text("5")
    except OSError:
        return None
    return status_bytes("VmRSS")


def status_bytes(field: str) -> int | None:
    """A line of the process's status, in bytes."""
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None
