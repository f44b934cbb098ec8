"""What an option takes, in words: for complaints and for help."""

import argparse
import textwrap
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import DefaultHelpFormatter

from crosswake.core.text import plural
from crosswake.settings.words import tuple_parts

PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
BOUNDS = {"v>=": "at least ", "v<=": "at most ", "v>": "above ", "v<": "below "}


def option_name(action: argparse.Action) -> str:
    """``--rerank.lambda``; of a positional argument its name."""
    return max(action.option_strings, key=len, default=str(action.metavar or action.dest))


def expected_by(action: argparse.Action) -> str:
    """The values that an option takes; empty where that has no short words."""
    if action.choices:
        return one_of(action.choices)
    return described(getattr(action, "_typehint", None) or action.type)


def described(kind: Any) -> str:
    """A type in words; empty if there are none."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and hasattr(
        kind, "_expression"
    ):  # one of jsonargparse's restricted numbers
        return f"{PLAIN[int if issubclass(kind, int) else float]} {bounds(kind._expression)}"
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return one_of(parts)
    if origin in (Union, types.UnionType):
        words = [described(part) for part in parts if part is not type(None)]
        return " or ".join(words) if all(words) else ""
    if origin in (list, tuple):
        many = origin is list or Ellipsis in parts
        word = plural(described(parts[0]).removeprefix("a "))
        return f"one or more {word}" if many else f"{len(parts)} {word}"
    return ""


def metavar_of(action: argparse.Action) -> Any:
    """What stands for an option's value in help, as people type it."""
    if action.dest == "print_config":
        return "[=flags]"
    parts = tuple_parts(getattr(action, "_typehint", None))
    name = option_name(action).rpartition(".")[2].lstrip("-").upper()
    if parts and Ellipsis not in parts:
        return " ".join("N" for _ in parts)
    return name if parts or action.dest.endswith("_") else action.metavar


class HelpFormatter(DefaultHelpFormatter):
    """Help that says in words what an option takes, and its default, as wide as the terminal."""

    def start_section(self, heading: str | None) -> None:
        """A group's title in as many lines as it needs."""
        super().start_section("\n".join(textwrap.wrap(heading or "", self._width - 1)) or None)

    def _get_help_string(self, action: argparse.Action) -> str:
        kind = getattr(action, "_typehint", None) or action.type
        text = (action.help or "").replace("%", "%%")
        if kind is None:
            return text
        taken = expected_by(action)
        given = (
            "required"
            if getattr(action, "needed", action.required)
            else f"default: {spoken(action.default)}"
        )
        return f"{text} ({'; '.join(filter(None, (taken, given)))})"


def spoken(value: Any) -> str:
    """A default as the user would type it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple | list):
        return " ".join(map(spoken, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_of(values: Any) -> str:
    """``one of fp32, bf16, fp16``."""
    return f"one of {', '.join(map(str, values))}"


def bounds(expression: str) -> str:
    """``at least 0 and at most 1`` of ``v>=0 and v<=1``."""
    for sign, words in BOUNDS.items():
        expression = expression.replace(sign, words)
    return expression
