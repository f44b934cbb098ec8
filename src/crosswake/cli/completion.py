"""``crosswake completion``: a script for the shell, made by shtab from the commands' parsers."""

from typing import Any

from jsonargparse import ArgumentParser

from crosswake.cli.commands import COMMANDS
from crosswake.settings.completion import CompletionConfig
from crosswake.settings.expected import HelpFormatter
from crosswake.settings.parsing import make_parser


def run(config: CompletionConfig) -> int:
    """Print the script."""
    print(whole_parser().get_completion_script(f"shtab-{config.shell}"))
    return 0


def whole_parser() -> ArgumentParser:
    """One parser with every command as a subcommand."""
    whole = ArgumentParser(prog="crosswake", formatter_class=HelpFormatter)
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
        into.add_subcommand(last, make_parser(command.settings_class(), name), help=command.summary)
    return whole
