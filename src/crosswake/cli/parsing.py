"""A parser whose complaints are one line, shared by all commands."""

from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from crosswake.errors import CrosswakeError


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
        import argparse

        try:
            return self.parse_args(words)
        except (argparse.ArgumentError, TypeError, ValueError, KeyError) as error:
            self.error(str(error), error)
