"""What is assumed where neither a file nor the user says it: printed once a run."""

import os
import sys
import threading

from crosswake.core.text import plain_text

FIRST_PROCESS = "0"
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
"""Environment variables by which one process of several knows its number."""


class Sayings:
    """What was said in this run.

    Attributes:
        said: the texts.
        quiet: whether the user wants none.
    """

    def __init__(self) -> None:
        self.said: set[str] = set()
        self.quiet = False
        self.lock = threading.Lock()


IN_THIS_RUN = Sayings()


def start_saying(quiet: bool = False) -> None:
    """A new run begins: what was printed before is printed again, or nothing is if ``quiet``."""
    with IN_THIS_RUN.lock:
        IN_THIS_RUN.said.clear()
        IN_THIS_RUN.quiet = quiet


def say_once(text: str, example: str = "") -> None:
    """Print an assumption on standard error unless it was printed before; safe in threads.

    Args:
        text: what is assumed. Of several processes only the first prints it.
        example: the first case, printed after it.
    """
    with IN_THIS_RUN.lock:
        if IN_THIS_RUN.quiet or text in IN_THIS_RUN.said:
            return
        IN_THIS_RUN.said.add(text)
    if all(os.environ.get(name, FIRST_PROCESS) == FIRST_PROCESS for name in RANKS):
        print(plain_text(f"note: {text}{example}"), file=sys.stderr, flush=True)
