"""Promise: the command line changes only on purpose. ``options.txt`` holds every option with its
type and default; ``python -m tests.cli.test_options`` writes it anew."""

import argparse
from pathlib import Path

from crosswake.cli.commands import COMMANDS
from crosswake.settings.expected import expected_by, spoken
from crosswake.settings.parsing import make_parser

FROZEN = Path(__file__).with_name("options.txt")


def describe_options() -> str:
    """Every command with its options, one a line."""
    lines = []
    for name, command in COMMANDS.items():
        parser = make_parser(command.settings_class(), name)
        lines += [f"crosswake {name}", *map(describe, parser._actions), ""]
    return "\n".join(lines)


def describe(action: argparse.Action) -> str:
    """``  --seed: a whole number = 0``."""
    named = " ".join(action.option_strings) or action.dest
    needed = getattr(action, "needed", action.required)
    default = "" if action.default in (None, argparse.SUPPRESS) else f" = {spoken(action.default)}"
    kind = expected_by(action) if hasattr(action, "_typehint") else ""
    return f"  {named}: {kind}{default}{', required' if needed else ''}".removesuffix(": ")


def test_the_command_line_is_as_written_down() -> None:
    assert describe_options() == FROZEN.read_text(encoding="utf-8"), (
        "options differ; if that is meant, run python -m tests.cli.test_options"
    )


if __name__ == "__main__":
    FROZEN.write_text(describe_options(), encoding="utf-8")
