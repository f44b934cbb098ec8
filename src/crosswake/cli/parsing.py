"""A parser whose complaints are one line, shared by all commands."""

import argparse
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, set_parsing_settings

from crosswake.errors import CrosswakeError

set_parsing_settings(docstring_parse_attribute_docstrings=True)


class Parser(ArgumentParser):
    """jsonargparse's parser, raising :class:`CrosswakeError` in place of printing usage."""

    def __init__(self, command: str, description: str, **options: Any) -> None:
        super().__init__(prog=f"crosswake {command}", description=description, exit_on_error=False, **options)
        self._command = command

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the complaint as one line."""
        line = " ".join(message.split())
        raise CrosswakeError(f"{line} (crosswake {self._command} --help)") from ex

    def parse_words(self, words: list[str]) -> Any:
        """Parse, with every complaint of jsonargparse or a dataclass check as :class:`CrosswakeError`."""
        try:
            return self.parse_args(self._with_switches(words))
        except (argparse.ArgumentError, TypeError, ValueError, KeyError) as error:
            self.error(str(error), error)

    def _with_switches(self, words: list[str]) -> list[str]:
        """The words with ``--name`` of a yes-or-no setting written out as ``--name=true`` where no value follows."""
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
