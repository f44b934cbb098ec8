"""A parser whose complaints are one line, shared by all commands."""

import argparse
import re
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, set_parsing_settings

from crosswake.core.errors import CrosswakeError
from crosswake.settings.expected import expected_by, option_name

set_parsing_settings(docstring_parse_attribute_docstrings=True)

REFUSED = re.compile(r'Parser key "(?P<key>[^"]+)"(?: element \d+)?: ?(?P<why>.*)')
GIVEN = [
    re.compile(r"(?:Given|Got) value: (.*)"),
    re.compile(r"^Not of type \w+: (.*) does not conform"),
    re.compile(r"^(.*) not among choices"),
]
MISSING = re.compile(r"the following arguments are required: (?P<names>.*)")


class Parser(ArgumentParser):
    """jsonargparse's parser, raising :class:`CrosswakeError` in place of printing usage."""

    def __init__(self, command: str, description: str, **options: Any) -> None:
        super().__init__(
            prog=f"crosswake {command}", description=description, exit_on_error=False, **options
        )

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the complaint as one line that names the option."""
        line = self._in_words(" ".join(message.split()))
        raise CrosswakeError(f"{line} ({self.prog} --help)") from ex

    def parse_words(self, words: list[str]) -> Any:
        """Parse, with every complaint of jsonargparse or a dataclass check as
        :class:`CrosswakeError`."""
        try:
            return self.parse_args(self._with_switches(words))
        except (argparse.ArgumentError, TypeError, ValueError, KeyError) as error:
            self.error(str(error), error)

    def _in_words(self, message: str) -> str:
        """jsonargparse's complaint, with the option's own name and what it takes in place of names
        of the code."""
        if refused := REFUSED.search(message):
            name, expected = self._name_and_expected(refused["key"])
            if not expected:
                return f"{name}: {refused['why'].partition(' - Parser key')[0]}"
            given = next(filter(None, (pattern.search(refused["why"]) for pattern in GIVEN)), None)
            return f"{name}: expected {expected}" + (f", got {given[1]}" if given else "")
        if missing := MISSING.search(message):
            names = [self._name_and_expected(key)[0] for key in missing["names"].split(", ")]
            return f"the following arguments are required: {', '.join(names)}"
        return message.removeprefix("argument ")

    def _name_and_expected(self, key: str) -> tuple[str, str]:
        """How an option is spelt and what it takes, by the name that the code has for it."""
        for action in self._actions:
            if action.dest == key:
                return option_name(action), expected_by(action)
        return f"--{key}", ""

    def _with_switches(self, words: list[str]) -> list[str]:
        """The words with ``--name`` of a yes-or-no setting written out as ``--name=true`` where no
        value follows."""
        switches = {
            name
            for action in self._actions
            if getattr(action, "_typehint", None) is bool
            for name in action.option_strings
        }
        following = [*words[1:], "--"]
        return [
            f"{word}=true" if word in switches and after.startswith("-") else word
            for word, after in zip(words, following, strict=False)
        ]
