"""Finds the command, runs it, and turns a user's mistake into one line and exit code 2."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from crosswake import __version__
from crosswake.cli.commands import COMMANDS, find_command, group_members, help_text
from crosswake.cli.streams import steady_streams
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import plain_text

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
HELP = ("-h", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``crosswake`` with ``arguments`` (of the process if None); returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    rest = [word for word in words if word != "--debug"]
    with ended_like_ctrl_c(), steady_streams(EXIT_USER_ERROR) as streams:
        streams.code = guarded(lambda: run_command(rest), debug)
    return streams.code


def run_command(words: Sequence[str]) -> int:
    """Run the command that ``words`` begin with on the rest, or print what was asked about it;
    returns the exit code."""
    if words and words[0] == "help":
        words = [*words[1:], "--help"]
    if not words or words[0] in HELP:
        print(help_text())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"crosswake {__version__}")
        return 0
    if group_members(words[0]) and (len(words) == 1 or words[1] in HELP):
        print(help_text(words[0]))
        return 0
    name, rest = find_command(words)
    from crosswake.core.said import start_saying
    from crosswake.settings.parsing import make_parser, parse

    kind: type[object] = COMMANDS[name].settings_class()
    if set(HELP) & set(rest):
        print(make_parser(kind, name).format_help(), end="")
        return 0
    module = importlib.import_module(COMMANDS[name].module)
    settings = parse(kind, name, rest)
    start_saying(quiet=bool(getattr(settings, "quiet", False)))
    code: int = module.run(settings)
    return code


def guarded(run: Callable[[], int], debug: bool) -> int:
    """The exit code of ``run``; a user's mistake becomes one line, and so does anything unforeseen.

    Args:
        run: does the work.
        debug: let exceptions through, so that the traceback shows.
    """
    try:
        return run()
    except CrosswakeError as error:
        if debug:
            raise
        print(f"crosswake: {plain_text(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt as error:
        if debug:
            raise
        print(f"crosswake: {plain_text(error) or 'interrupted'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            raise
        said = plain_text(f"unexpected {type(error).__name__}: {error}")
        print(f"crosswake: {said} (--debug shows where)", file=sys.stderr)
        return 1


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """While active, SIGTERM, which schedulers and containers send, does what Ctrl-C does: files are
    closed, temporary ones removed. A program that has set it otherwise is left alone."""
    in_charge = threading.current_thread() is threading.main_thread()
    if not in_charge or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    process = os.getpid()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == process:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a forked worker ends as it always would
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
