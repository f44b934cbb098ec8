"""What is assumed where neither a file nor the user says it: printed once a run."""

import os
import sys
import threading

FIRST_PROCESS = "0"
RANKS = ("RANK", "LOCAL_RANK")
"""Environment variables by which one process of several knows its number."""
_said: set[str] = set()
_lock = threading.Lock()


def say_once(text: str, example: str = "") -> None:
    """Print an assumption on standard error unless it was printed before; safe in threads.

    Args:
        text: what is assumed. Of several processes only the first prints it.
        example: the first case, printed after it.
    """
    with _lock:
        if text in _said:
            return
        _said.add(text)
    if all(os.environ.get(name, FIRST_PROCESS) == FIRST_PROCESS for name in RANKS):
        print(f"note: {text}{example}", file=sys.stderr, flush=True)


def start_saying() -> None:
    """A new run begins: what was printed before is printed again."""
    with _lock:
        _said.clear()
