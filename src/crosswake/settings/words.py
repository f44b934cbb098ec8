"""Words of a command line and keys of a settings file, fitted to the options that there are."""

import json
import math
import re
import types
from dataclasses import is_dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from crosswake.core.errors import CrosswakeError
from crosswake.settings.recipe import nearest

Kinds = dict[str, Any]
"""The type of every option by its name; None for one that takes no value."""


NO_SETTINGS = ("--config", "--print_config", "--help")
"""Options that make no sense in a settings file."""
LARGEST = 2**63
"""Whole numbers from here on fit no counter."""


def spell_out(words: list[str], kinds: Kinds, by_place: bool) -> list[str]:
    """The words with every option written as one ``--name=value``, which jsonargparse reads the
    same everywhere.

    ``--quiet`` becomes ``--quiet=true``, ``--crop_size 64 32`` becomes ``--crop_size=[64, 32]``,
    ``none`` becomes ``null``, and repeated options that take several values are joined.

    Args:
        words: as the user typed them.
        kinds: the options that there are.
        by_place: whether the command takes words without an option, such as ``data check ROOT``.

    Raises:
        CrosswakeError: an option is unknown, or given twice and takes one value.
    """
    spelt: list[str] = []
    many: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not re.match("--|-[a-z]", name, re.IGNORECASE):  # a value may be negative
            spelt.append(f"{name}{equals}{value}")
            continue
        if name not in kinds:
            raise CrosswakeError(f"{name}: no such option{nearest(name, list(kinds))}")
        if name in many and not takes_many(kinds[name]):
            raise CrosswakeError(f"{name}: given twice; give it once")
        values = many.setdefault(name, [])
        if kinds[name] is None:
            spelt.append(f"{name}{equals}{value}")
        elif equals:
            values.append(value)
        else:
            taken = take_values(kinds[name], rest, by_place)
            if not taken and kinds[name] is not bool and not nested_kind(kinds[name]):
                raise CrosswakeError(f"{name}: expected a value")
            values += taken
    options = {name: values for name, values in many.items() if kinds[name] is not None}
    return [*(spell(name, kinds[name], values) for name, values in options.items()), *spelt]


def take_values(kind: Any, rest: list[str], by_place: bool) -> list[str]:
    """The words at the start of ``rest`` that are values of an option of that kind; they are
    removed from it."""
    count = 1
    if kind is bool:
        count = 1 if rest and (rest[0] in ("true", "false") or not by_place) else 0
    elif nested_kind(kind):
        count = 1 if rest and (rest[0].startswith("{") or rest[0].lower() == "none") else 0
    elif (parts := tuple_parts(kind)) and Ellipsis not in parts:
        count = 1 if rest and rest[0].startswith("[") else len(parts)
    values = rest[:count]
    if any(value.startswith("--") for value in values):
        values = values[: next(i for i, value in enumerate(values) if value.startswith("--"))]
    del rest[: len(values)]
    return values


def spell(name: str, kind: Any, values: list[str]) -> str:
    """``--name=value`` for all values of an option."""
    if not values and (kind is bool or nested_kind(kind)):
        return f"{name}=true" if kind is bool else f"{name}={{}}"
    if len(values) == 1 and takes_none(kind) and values[0].lower() == "none":
        return f"{name}=null"
    parts = tuple_parts(kind)
    if not parts or not values or values[0].startswith("["):
        return "=".join([name, *values])
    if parts[0] is str:  # quoted, or an id of digits would be read as a number
        values = [part.strip() for value in values for part in value.split(",")]
    if parts[0] in (Path, str):
        return f"{name}={json.dumps(values)}"
    return f"{name}=[{', '.join(values)}]"


def fit_settings(settings: dict[str, Any], kinds: Kinds, prefix: str = "") -> dict[str, Any]:
    """Settings read from a file, with ``none`` as None.

    Args:
        settings: as the file has them.
        kinds: the options that there are.
        prefix: where in the file they are: ``optimiser.``.

    Raises:
        CrosswakeError: there is no setting of a name; the message says the nearest.
    """
    fitted: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}".rstrip("_")
        if kinds.get(f"--{name}") is None or f"--{name}" in NO_SETTINGS:
            known = [option.removeprefix("--") for option in kinds]
            raise CrosswakeError(f"no such setting '{name[:80]}'{nearest(name, known)}")
        is_group = any(option.startswith(f"--{name}.") for option in kinds)
        if is_group and not isinstance(value, dict) and not takes_none(kinds[f"--{name}"]):
            raise CrosswakeError(f"'{name}' must hold settings, got {plain_value(value)}")
        if not is_plain(value):
            raise CrosswakeError(
                f"'{name}': expected text, a number or a list, got {plain_value(value)}"
            )
        none = str(value).lower() == "none" and takes_none(kinds[f"--{name}"])
        if none and is_group:
            continue
        inner = fit_settings(value, kinds, f"{name}.") if isinstance(value, dict) else value
        fitted[field_name(key)] = None if none else inner
    return fitted


def is_plain(value: Any) -> bool:
    """Whether a value of a YAML file is one that settings have: no date, bytes or set."""
    if isinstance(value, list):
        return all(map(is_plain, value))
    return isinstance(value, str | int | float | dict | None)


def plain_value(value: object) -> str:
    """A value for a message: its text, or its type where that is long."""
    text = str(value) if isinstance(value, str | int | float | bool | None) else ""
    return text if 0 < len(text) <= 60 else f"a {type(value).__name__}"


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is not None where that means nothing, nor a number without end, of which
    comparisons and the parser make nothing of."""
    if isinstance(value, list | tuple):
        return all(fits(one, str) for one in value)
    if value is None:
        return takes_none(kind)
    if isinstance(value, int):
        return abs(value) < LARGEST
    return not isinstance(value, float) or math.isfinite(value)


def mentioned(words: list[str], settings: dict[str, Any]) -> set[str]:
    """The first parts of all names that spelt-out words and a settings file mention."""
    names = {name.removeprefix("--").partition(".")[0] for name in values_of(words)}
    off = {name.removeprefix("--") for name, value in values_of(words).items() if value == "null"}
    return (names | {name for name, value in settings.items() if value is not None}) - off


def field_name(name: str) -> str:
    """``rerank.lambda_`` of ``rerank.lambda``: a field cannot have the name of a Python keyword."""
    return f"{name}_" if iskeyword(name.rpartition(".")[2]) else name


def values_of(words: list[str]) -> dict[str, str]:
    """The values of spelt-out options."""
    pairs = (word.partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in pairs}


def takes_none(kind: Any) -> bool:
    """Whether an option takes ``none``."""
    return type(None) in alternatives(kind)


def takes_many(kind: Any) -> bool:
    """Whether an option may be given several times."""
    return Ellipsis in tuple_parts(kind)


def tuple_parts(kind: Any) -> tuple[Any, ...]:
    """``(int, int)`` of ``tuple[int, int] | None``; nothing of other types."""
    return next((get_args(one) for one in alternatives(kind) if get_origin(one) is tuple), ())


def nested_kind(kind: Any) -> Any:
    """The dataclass of ``SomeConfig | None``; None for any other type."""
    return next((one for one in alternatives(kind)[:-1] if is_dataclass(one)), None)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """``(int, NoneType)`` of ``int | None``; of a type that is no union, the type alone."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
