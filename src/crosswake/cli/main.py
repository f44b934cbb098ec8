"""Finds the command, runs it, and turns a user's mistake into one line and exit code 2."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from crosswake import __version__
from crosswake.core.errors import CrosswakeError

COMMANDS = {
    "simulate": (
        "crosswake.cli.simulate",
        "make a fleet of simulated ships in the HOSS ReID layout",
    ),
    "data check": ("crosswake.cli.data_check", "verify a data set, count it, draw a contact sheet"),
    "data download": ("crosswake.cli.data_download", "fetch a data set or weights by name"),
    "data pairs": (
        "crosswake.cli.data_pairs",
        "build the optical-SAR pairs that pretraining reads",
    ),
    "pretrain": (
        "crosswake.cli.pretrain",
        "learn from optical-SAR pairs of places what both sensors show",
    ),
    "train": ("crosswake.cli.train", "train a re-identification model"),
    "probe": ("crosswake.cli.probe", "tell the terrain of pairs from a model's features"),
    "evaluate": (
        "crosswake.cli.evaluate",
        "measure a model by the published protocols, with a report",
    ),
    "embed": (
        "crosswake.cli.embed",
        "embed a folder, table or list of images into one Parquet file",
    ),
    "export": (
        "crosswake.cli.export",
        "write a model as ONNX or PyTorch program, checked against PyTorch",
    ),
}
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``crosswake`` with ``arguments`` (of the process if None); returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"crosswake {__version__}")
        return 0
    debug = "--debug" in words
    rest = [word for word in words if word != "--debug"]
    return guarded(lambda: run_command(rest), debug)


def run_command(words: Sequence[str]) -> int:
    """Find the command that ``words`` begin with, and run it on the rest; returns its exit code."""
    name, rest = find_command(words)
    code: int = importlib.import_module(COMMANDS[name][0]).run(rest)
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
        print(f"crosswake: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt as error:
        if debug:
            raise
        print(f"crosswake: {str(error) or 'interrupted'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        name = type(error).__name__
        print(f"crosswake: unexpected {name}: {error} (--debug shows where)", file=sys.stderr)
        return 1


def find_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """The longest command name that ``words`` begin with, and the words after it."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, list(words[count:])
    group = [name for name in COMMANDS if name.split()[0] == words[0]]
    known = ", ".join(group or COMMANDS)
    raise CrosswakeError(
        f"no command '{' '.join(words[:2])}'; there are: {known} (crosswake --help)"
    )


def help_text() -> str:
    """What ``crosswake --help`` prints."""
    lines = [
        f"crosswake {__version__}: recognise the same ship in optical and SAR satellite images",
        "",
    ]
    lines += [
        "usage: crosswake COMMAND [options]    (crosswake COMMAND --help for its options)",
        "",
    ]
    lines += [f"  {name:<16}{summary}" for name, (_, summary) in COMMANDS.items()]
    lines += [
        "",
        "  --version       print the version",
        "  --debug         with any command: a traceback on errors",
    ]
    return "\n".join(lines)
