"""Settings that a file of ours holds, made into checked ones again: the way back from
:func:`crosswake.settings.common.plain`."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from crosswake.core.errors import CrosswakeError
from crosswake.settings.expected import described
from crosswake.settings.words import alternatives, plain_value

Settings = TypeVar("Settings")
PLAIN_KINDS = (bool, int, str)


class MisfitError(Exception):
    """A value is not of the kind that it should be."""


def restored(kind: type[Settings], stored: object, needed: Collection[str] = ()) -> Settings:
    """The settings of a dataclass from plain data.

    Args:
        kind: the dataclass.
        stored: a mapping from its fields to plain values; what is not there takes its default.
        needed: fields that must be there.

    Raises:
        CrosswakeError: a setting is missing, unknown, of another kind, or out of its range.
    """
    if not isinstance(stored, Mapping):
        raise CrosswakeError(f"expected settings, got {plain_value(stored)}")
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if missing := sorted(set(needed) - set(stored)):
        raise CrosswakeError(f"does not say '{missing[0]}'")
    values = {}
    for name, value in stored.items():
        if name not in known:
            raise CrosswakeError(
                f"has a setting '{plain_value(name)}', which this version does not know"
            )
        values[name] = fit_stored(value, hints[name], str(name))
    return kind(**values)


def fit_stored(value: object, kind: Any, name: str) -> Any:
    """A plain value turned into a type.

    Raises:
        CrosswakeError: it does not fit.
    """
    for one in alternatives(kind):
        try:
            return as_kind(value, one, name)
        except MisfitError:
            continue
    words = described(kind) or "another kind of value"
    raise CrosswakeError(f"'{name}': expected {words}, got {plain_value(value)}")


def as_kind(value: Any, kind: Any, name: str) -> Any:
    """A plain value as one of a type that is no union.

    Raises:
        MisfitError: it is none.
        CrosswakeError: a setting inside of it is wrong.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return restored(kind, value)
    if value is None and kind is type(None):
        return None
    if origin is Literal and type(value) in PLAIN_KINDS and value in parts:
        return value
    if kind in PLAIN_KINDS and type(value) is kind:
        return value
    if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = parts[:1] * len(value) if Ellipsis in parts else parts
        if len(kinds) == len(value):
            return tuple(
                fit_stored(one, part, name) for one, part in zip(value, kinds, strict=True)
            )
    raise MisfitError
