"""The processes of a run on one machine: started together, ended together.

Fabric could start them too, but would not end them together. When one fails, the others wait for it
in an exchange, for up to half an hour, and then only report a closed connection."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from crosswake.core.errors import CrosswakeError

STARTER = "CROSSWAKE_STARTER"
"""Environment variable of the processes that the first one has started: its process number."""
POLL_SECONDS = 0.2
FIRST_WAITS, OTHERS_WAIT = 1.0, 3.0
"""Seconds that a failed process waits before it reports its failure. If it failed only because
another process had failed first, it is ended in this time, and only the true cause is reported."""

started: list["subprocess.Popen[bytes]"] = []
"""In the first process: those that it has started."""
ending = threading.Event()
"""Set when the run ends in this process, so that the ends of the others are no failures."""


def start_others(processes: int) -> None:
    """Start this command again, once for every further process of the run.

    This process is the first. Each of the others finds its rank in its environment. A thread
    watches them, and ends this process when one of them fails."""
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "NODE_RANK": "0",
        "LOCAL_RANK": "0",
    }
    for rank in range(1, processes):
        environment = os.environ | {"LOCAL_RANK": str(rank), STARTER: str(os.getpid())}
        started.append(subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=environment))
    threading.Thread(target=watch_others, daemon=True).start()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def ending_together() -> Iterator[None]:
    """Around a run: if one process fails, all end, and one of them says why.

    A failure that all processes share is reported by the first. A failure of one process can reach
    the others as a closed connection, which is not worth reporting: before it reports anything, a
    process waits a moment, in which the process that failed first ends it."""
    starter = os.environ.get(STARTER)
    if starter is not None:
        threading.Thread(target=watch_first, args=(int(starter),), daemon=True).start()
    try:
        yield
    except BaseException as error:
        if starter is not None:
            time.sleep(OTHERS_WAIT)
        elif started and not isinstance(error, CrosswakeError | KeyboardInterrupt):
            time.sleep(FIRST_WAITS)
        ending.set()
        for process in started:
            process.kill()  # safe, for only the first writes; they may hang in an exchange
        raise
    ending.set()


def watch_others() -> None:
    """In the first process: end it when another has failed, which has reported why."""
    while not ending.is_set():
        failed = next((code for code in [process.poll() for process in started] if code), None)
        # Asked again: at its own end, this process kills the others.
        if failed is not None and not ending.is_set():
            end_after(failed)
        time.sleep(POLL_SECONDS)


def end_after(code: int) -> None:
    """End this process and all that it has started, at once, because one ended with ``code``."""
    if code < 0:
        name = signal.Signals(-code).name
        print(
            f"crosswake: a process of the run was ended by {name}; is there memory enough?",
            file=sys.stderr,
        )
    for process in started:
        process.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if code > 0 else 1)


def watch_first(number: int) -> None:
    """In a process that the first one has started: end it when the first has ended.

    Args:
        number: of the first process.
    """
    while os.getppid() == number:
        time.sleep(POLL_SECONDS)
    os._exit(1)
