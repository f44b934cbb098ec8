"""Ctrl-C as a request to stop at the next safe point."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class StopRequest:
    """While active, the first Ctrl-C (or SIGTERM) sets ``requested``; a second one interrupts at
    once."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class TrainingInterruptedError(KeyboardInterrupt):
    """Training stopped on request; the message says how to go on."""
