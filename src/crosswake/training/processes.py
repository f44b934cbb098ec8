"""The processes of a run on one machine: started together, ended together.

Fabric would start them too, but leaves each to find out by itself that another has failed: one that
waits for it may wait for half an hour, and says in the end that a connection was closed."""

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
"""Environment variable: the number of the first process, in those that it has started."""
POLL_SECONDS = 0.2
FIRST_WAITS, OTHERS_WAIT = 1.0, 3.0
"""Seconds between a failure and the word about it, in which a process that has failed before may
end this one."""

started: list["subprocess.Popen[bytes]"] = []
ending = threading.Event()


def start_others(processes: int) -> None:
    """Start this command again for every process but this one, the first; the environment tells
    each its rank."""
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
    """Around a run: what fails in one process ends all of them, and one of them says why.

    What fails in all alike is said by the first. What fails in one may show in another as a closed
    connection; that one waits for a moment, in which it is ended."""
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
            process.kill()  # they write nothing, and may hang in an exchange with this one
        raise
    ending.set()


def watch_others() -> None:
    """In the first process: end it as soon as another has failed, and said why."""
    while not ending.is_set():
        failed = next((code for code in [process.poll() for process in started] if code), None)
        if (
            failed is not None and not ending.is_set()
        ):  # those that the end of this one has killed do not count
            end_after(failed)
        time.sleep(POLL_SECONDS)


def end_after(code: int) -> None:
    """End this process at once, and all that it has started, as another ended with ``code``."""
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
    """In a process that was started by another: end it when that one has."""
    while os.getppid() == number:
        time.sleep(POLL_SECONDS)
    os._exit(1)
