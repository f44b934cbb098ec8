"""The command line of a dataclass: its parser, and words made into a checked instance."""

import json
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

from docstring_parser import parse_from_object
from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import BY_PLACE, DeviceConfig, SeedConfig, StrictConfig
from crosswake.settings.expected import HelpFormatter, expected_by, metavar_of, option_name
from crosswake.settings.recipe import read_settings
from crosswake.settings.run import SETTINGS_FILE, RunConfig, check_started_by
from crosswake.settings.words import (
    Kinds,
    fit_settings,
    fits,
    mentioned,
    nested_kind,
    plain_value,
    spell_out,
    values_of,
)

C = TypeVar("C")

set_parsing_settings(docstring_parse_attribute_docstrings=True)

REFUSED = re.compile(r'Parser key "(?P<key>[^"]+)"(?: element \d+)?: ?(?P<why>.*)')
GIVEN = [
    re.compile(r"(?:Given|Got) value: (.*)"),
    re.compile(r"^Not of type \w+: (.*) does not conform"),
    re.compile(r"^(.*) not among choices"),
]
MOST_WORDS = 500
"""Characters of a complaint that are shown."""
MISSING_ARGUMENTS = re.compile(r"the following arguments are required: (?P<names>.*)")
HELP_WIDTH = 79
SHARED = {field.name for kind in (DeviceConfig, SeedConfig, StrictConfig) for field in fields(kind)}
"""Options that most commands have; help shows a command's own first."""


class Parser(ArgumentParser):
    """jsonargparse's parser; a mistake raises one line that names the option as the user knows
    it."""

    def __init__(self, command: str, description: str, **options: Any) -> None:
        options |= {"exit_on_error": False, "formatter_class": HelpFormatter}
        super().__init__(prog=f"crosswake {command}", description=description, **options)
        self.parts: Kinds = {}
        """Parts that are None unless they are mentioned, such as ``rerank``."""
        self.left_out: set[str] = set()
        self.places: dict[str, bool] = {}
        """Arguments that are given by their place, and whether they are required."""

    @property
    def hint(self) -> str:
        """Where the options are described."""
        return f"({self.prog} --help)"

    def parse_words(self, words: list[str]) -> Any:
        """Parse ``words``.

        Raises:
            CrosswakeError: an option is unknown, given twice, or has a wrong value.
        """
        return self.parse_spelt(self.spell_out(words))

    def spell_out(self, words: list[str]) -> list[str]:
        """The words with every option written as ``--name=value``."""
        by_place = any(not action.option_strings for action in self._actions)
        with self.hinting():
            return spell_out(words, self.kinds(), by_place)

    def parse_spelt(self, words: list[str]) -> Any:
        """Parse words that are spelt out."""
        try:
            return self.parse_args(words)
        except CrosswakeError:
            raise
        except Exception as error:  # jsonargparse lets through whatever a value's parser raises
            self.error(str(error), error)

    @contextmanager
    def hinting(self) -> Iterator[None]:
        """Complaints about an option end with the command whose help describes it."""
        try:
            yield
        except CrosswakeError as error:
            raise CrosswakeError(f"{error} {self.hint}") from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the complaint as one line that names the option."""
        words = self._in_words(" ".join(message.split()))
        words = words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]} ..."
        raise CrosswakeError(f"{words} {self.hint}") from ex

    def require_values(self, cfg: Namespace) -> None:
        """Refuse ``null`` for what takes no ``none``, and numbers without end, which jsonargparse
        lets through for any type."""
        kinds = self.kinds()
        for action in self._actions:
            kind, value = kinds.get(option_name(action)), cfg.get(action.dest)
            skipped = action.dest in self.left_out or action.dest not in cfg
            if skipped or kind is None or isinstance(value, Namespace) or fits(value, kind):
                continue
            given = "null" if value is None else plain_value(value)
            self.error(f'Parser key "{action.dest}": Got value: {given}')

    def kinds(self) -> Kinds:
        """The type of every option by its name; None for an option without a value, and for one
        whose values argparse counts itself."""
        kinds: Kinds = {}
        for action in self._actions:
            hint = self.parts.get(action.dest) or getattr(action, "_typehint", None) or str
            for name in action.option_strings:
                kinds[name] = hint if action.nargs is None else None
        return kinds

    def dump(self, cfg: Namespace, **options: Any) -> str:
        """What ``--print_config`` prints, without the parts that are left out; the names are those
        of the options, ``lambda`` in place of the code's ``lambda_``."""
        text: str = super().dump(self.without_left_out(cfg), **options)
        return re.sub(r"^([ -]*\w+)_:", r"\1:", text, flags=re.MULTILINE)

    def without_left_out(self, cfg: Namespace) -> Namespace:
        """The values, and None for every part that no word and no file mentions."""
        for name in self.left_out:
            cfg[name] = None
        return cfg

    def _in_words(self, message: str) -> str:
        """jsonargparse's complaint, with the option's own name and what it takes in place of names
        of the code."""
        if refused := REFUSED.search(message):
            name, expected = self._name_and_expected(refused["key"])
            if not expected:
                return f"{name}: {refused['why'].partition(' - Parser key')[0]}"
            given = next(filter(None, (pattern.search(refused["why"]) for pattern in GIVEN)), None)
            return f"{name}: expected {expected}" + (f", got {given[1]}" if given else "")
        if missing := MISSING_ARGUMENTS.search(message):
            names = [self._name_and_expected(key)[0] for key in missing["names"].split(", ")]
            return f"the following arguments are required: {', '.join(names)}"
        return message.removeprefix("argument ")

    def _name_and_expected(self, key: str) -> tuple[str, str]:
        """How an option is spelt and what it takes, by the name that the code has for it."""
        for action in self._actions:
            if action.dest == key:
                return option_name(action), expected_by(action)
        return f"--{key}", ""


def make_parser(kind: type, command: str) -> Parser:
    """The parser of a command whose settings are the dataclass ``kind``.

    Every field is an option ``--name``, of a nested dataclass ``--field.name``; a field declared by
    :func:`crosswake.settings.common.positional` is given by its place.
    """
    by_place = [one for one in fields(kind) if one.metadata == BY_PLACE]
    required = [one.name for one in fields(kind) if is_required(one) and one not in by_place]
    usage = [f"crosswake {command}"]
    usage += [one.name if is_required(one) else f"[{one.name}]" for one in by_place]
    usage += [*(f"--{name} {name.upper()}" for name in required), "[options]"]
    wrapped = "\n         ".join(textwrap.wrap(" ".join(usage), HELP_WIDTH - len("usage: ")))
    parser = Parser(command, " ".join((kind.__doc__ or "").split()), usage=wrapped)
    text = "a recipe by name, or a YAML file of settings; options given beside it win"
    parser.add_argument("--config", action="config", help=text)
    hints = get_type_hints(kind)
    parser.parts = {name: hint for name, hint in hints.items() if nested_kind(hint)}
    skipped = {one.name for one in by_place} | set(parser.parts)
    parser.add_class_arguments(kind, as_group=False, skip=skipped)
    docs = {
        item.arg_name: item.description
        for part in reversed(kind.__mro__)  # docs of inherited fields stand in their own class
        if is_dataclass(part)
        for item in parse_from_object(part).params
    }
    parser.places = {one.name: is_required(one) for one in by_place}
    for one in by_place:
        kind_or_none = hints[one.name] | None
        action: Any = parser.add_argument(
            one.name, type=kind_or_none, help=docs[one.name], nargs="?"
        )
        action.needed = is_required(one)
    for name, hint in parser.parts.items():
        parser.add_class_arguments(nested_kind(hint), name)
    for name, group in (parser.groups or {}).items():
        group.title = first_sentence(nested_kind(hints[name]) or hints[name])
    for action in parser._actions:
        if action.dest in hints and not getattr(action, "_typehint", None):
            action.help = docs.get(action.dest, "All settings of this group, from a YAML file.")
        for name in [name for name in action.option_strings if name.endswith("_")]:
            action.option_strings = [name.rstrip("_")]
            action.metavar = name.rpartition(".")[2].rstrip("_").upper()
            parser._option_string_actions[name.rstrip("_")] = action
        action.metavar = metavar_of(action)
    for group in parser._action_groups:
        group._group_actions.sort(key=lambda action: action.dest in SHARED)
    return parser


def is_required(field: Field[Any]) -> bool:
    """Whether a field of a dataclass has no default."""
    return field.default is MISSING and field.default_factory is MISSING


def first_sentence(kind: type) -> str:
    """The start of a class's docstring, up to the first full stop."""
    return " ".join((kind.__doc__ or "").split()).partition(". ")[0].removesuffix(".")


def parse(kind: type[C], command: str, words: list[str]) -> C:
    """The checked settings that ``words`` and the recipe they name spell.

    Raises:
        CrosswakeError: a word, a key of the recipe or a value is wrong.
    """
    parser = make_parser(kind, command)
    words = parser.spell_out(words)
    settings = settings_from_file(parser, kind, values_of(words))
    parser.left_out = set(parser.parts) - mentioned(words, settings)
    used = {f"--{name}=null" for name in parser.left_out} | {
        f"--config={values_of(words).get('--config')}"
    }
    words = [word for word in words if word not in used]
    given = sum(not word.startswith("--") for word in words)
    words += [str(settings[name]) for name in list(parser.places)[given:] if settings.get(name)]
    parsed = parser.parse_spelt([f"--config={json.dumps(settings)}", *words])
    parsed.pop("config")
    parser.require_values(parsed)
    if missing := [
        name for name, required in parser.places.items() if required and not parsed[name]
    ]:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    with parser.hinting():
        return kind(**vars(parser.without_left_out(parser.instantiate(parsed))))


def settings_from_file(parser: Parser, kind: type, given: dict[str, str]) -> dict[str, Any]:
    """The settings of the recipe or file that the given options name, if any. A resumed run that
    names none goes on with its own settings."""
    named_by, name = "--config", given.get("--config")
    if name is None and given.get("--resume") == "true" and issubclass(kind, RunConfig):
        if "--output" not in given:
            raise CrosswakeError("--resume: say which run with --output FOLDER")
        own = Path(given["--output"]) / SETTINGS_FILE
        named_by, name = "--resume", str(own) if own.is_file() else None
        if name is not None:
            check_started_by(own, kind.command)
    if name is None:
        return {}
    settings = read_settings(name, named_by)
    try:
        return fit_settings(
            settings, parser.kinds() | {f"--{place}": str for place in parser.places}
        )
    except CrosswakeError as error:
        meant = f"is {name} meant for {parser.prog}?"
        raise CrosswakeError(f"{named_by}: {name}: {error} ({meant})") from error
