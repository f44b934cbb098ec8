"""Progress of long jobs: a bar on a terminal, a plain line now and then in a log, nothing when
quiet."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from crosswake.core.text import plain_text

T = TypeVar("T")
LOG_EVERY_SECONDS = 10.0


class Progress:
    """Counts work done and shows rate and time left; use as a context manager.

    Args:
        total: amount of work, in ``unit``.
        label: what is being done, one or two words.
        unit: plural name of what is counted.
        quiet: show nothing.
        already: how much an earlier run did; it counts as done, but not for the rate.
    """

    def __init__(
        self, total: int, label: str, unit: str = "chips", quiet: bool = False, already: int = 0
    ) -> None:
        self.total, self.label, self.unit, self.quiet = total, plain_text(label), unit, quiet
        self.done = self._already = already
        self._started = self._last_line = time.monotonic()
        self._bar = None if quiet or not sys.stderr.isatty() else self._make_bar()

    def _make_bar(self) -> "_Bar":
        return _Bar(self.total, self.label, self.done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif not self.quiet and kind is None:
            self._print_line()

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Count ``amount`` more as done; ``note`` (a loss, say) is shown beside the rate."""
        self.done += amount
        if self._bar is not None:
            self._bar.update(self.done, self._amount_text(), self._rate_text(), note)
        elif self.quiet or self.done >= self.total:
            return  # the last line comes at the end
        elif time.monotonic() - self._last_line >= LOG_EVERY_SECONDS:
            self._print_line(note)

    def _print_line(self, note: str = "") -> None:
        self._last_line = time.monotonic()
        percent = 100 * self.done / max(self.total, 1)
        parts = [f"{self.label} {self._amount_text()} ({percent:.0f} %)", self._rate_text()]
        if self.done < self.total:
            rate = self._rate()
            parts.append(
                f"{clock((self.total - self.done) / rate if rate > 0 else float('inf'))} left"
            )
        else:
            parts.append(f"took {clock(self._last_line - self._started)}")
        print(", ".join([*parts, note] if note else parts), file=sys.stderr, flush=True)

    def _rate(self) -> float:
        return (self.done - self._already) / max(time.monotonic() - self._started, 1e-9)

    def _rate_text(self) -> str:
        if self.unit == "bytes":
            return f"{byte_text(max(self._rate(), 0))}/s"
        return f"{self._rate():.1f} {self.unit}/s"

    def _amount_text(self) -> str:
        if self.unit == "bytes":
            return f"{byte_text(self.done)} of {byte_text(self.total)}"
        return f"{self.done}/{self.total}"


class _Bar:
    """The terminal form, drawn by rich."""

    def __init__(self, total: int, label: str, done: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._rich = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            # the command line's own stream writes out what would control the terminal
            console=Console(file=getattr(sys.stderr, "styled", sys.stderr)),
        )
        self._task = self._rich.add_task(
            label, total=total, completed=done, amount="", rate="", note=""
        )
        self._rich.start()

    def update(self, done: int, amount: str, rate: str, note: str) -> None:
        fields = {"amount": amount, "rate": rate} | ({"note": note} if note else {})
        self._rich.update(self._task, completed=done, **fields)  # type: ignore[arg-type]

    def close(self) -> None:
        self._rich.stop()


def track(
    items: Iterable[T], total: int, label: str, unit: str = "chips", quiet: bool = False
) -> Iterator[T]:
    """Yield ``items`` while showing how far along they are."""
    with Progress(total, label, unit, quiet) as progress:
        for item in items:
            yield item
            progress.advance()


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    if seconds == float("inf"):
        return "?"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def byte_text(size: float) -> str:
    """Bytes for people: ``1.4 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
