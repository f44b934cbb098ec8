"""``crosswake completion``: a script for the shell, made by shtab from the commands' parsers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import shtab
from jsonargparse import ArgumentParser

from crosswake.cli.commands import COMMANDS
from crosswake.data.download.catalogue import CATALOGUE, ZenodoRecord
from crosswake.settings.completion import CompletionConfig
from crosswake.settings.expected import HelpFormatter
from crosswake.settings.parsing import make_parser
from crosswake.settings.recipe import RECIPES
from crosswake.settings.words import alternatives, takes_none, tuple_parts


def run(config: CompletionConfig) -> int:
    """Print the script."""
    print(whole_parser().get_completion_script(f"shtab-{config.shell}"))
    return 0


def whole_parser() -> ArgumentParser:
    """One parser with every command as a subcommand."""
    whole = ArgumentParser(prog="crosswake", formatter_class=HelpFormatter)
    whole.add_argument("--version", action="store_true", help="print the version")
    commands = whole.add_subcommands()
    groups: dict[str, Any] = {}
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if group and group not in groups:
            parser = ArgumentParser(
                description=f"commands of {group}", formatter_class=HelpFormatter
            )
            commands.add_subcommand(group, parser)
            groups[group] = parser.add_subcommands()
        into = groups.get(group, commands)
        member = make_parser(command.settings_class(), name)
        for action in member._actions:
            offer_values(action)
        into.add_subcommand(last, member, help=command.summary)
    return whole


def offer_values(action: Any) -> None:
    """Say what the shell completes after an option, as users type it: names, files, or, after a
    switch, nothing."""
    kind = getattr(action, "_typehint", None)
    literals = [value for one in alternatives(kind) for value in literal_values(one)]
    if action.dest in NAMES_OF_ARGUMENTS:
        action.complete = names_or_files(action.dest, NAMES_OF_ARGUMENTS[action.dest]())
    elif action.dest == "name":
        action.choices = [source.name for source in CATALOGUE]
    elif kind is bool and action.default is False:
        action.nargs = 0
    elif literals:
        optional = takes_none(kind) and not getattr(action, "needed", False)
        action.choices = [*literals, *(["none"] if optional else [])]
    elif Path in (*alternatives(kind), *tuple_parts(kind)):
        action.complete = shtab.FILE
    elif kind:
        action.complete = {}  # a number, say: nothing, where jsonargparse would offer null


def literal_values(kind: Any) -> tuple[str, ...]:
    """The words of a Literal or of a switch; none of other types."""
    if kind is bool:
        return "true", "false"
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


NAMES_OF_ARGUMENTS = {
    "config": lambda: sorted(path.stem for path in RECIPES.glob("*.yaml")),
    "init": lambda: [one.name for one in CATALOGUE if not isinstance(one, ZenodoRecord)],
}
"""Options that take a name from a list, or a file."""


def names_or_files(option: str, names: Iterable[str]) -> dict[str, Any]:
    """What shtab needs to complete these names and the names of files."""
    function, words = f"_crosswake_{option}", " ".join(names)
    bash = f'compgen -W "{words}" -- "$1"; compgen -f -- "$1"'
    zsh = f"_alternative 'names:name:({words})' 'files:file:_files'"
    scripts = {"bash": f"{function}() {{ {bash}; }}", "zsh": f"{function}() {{ {zsh}; }}"}
    return {"bash": function, "zsh": function, "preamble": scripts}
