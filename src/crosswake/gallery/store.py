"""The tables of a gallery on disk or in an object store, by LanceDB; its errors in one line."""

import json
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.core.text import cut_short, plain_text

R = TypeVar("R")
ABOUT_KEY = "crosswake"
"""Key of a table's metadata under which we say what it is."""
ATTEMPTS_TO_COMMIT = 20
"""How often a change is tried again when others write at the same moment."""
CONFLICT = "conflict"
REASONS = {
    "no space left": "the disk is full; make room",
    "file too large": "the disk or its quota is full; make room",
    "quota exceeded": "the quota is used up; make room",
    "lance error: not found": "a file of it is missing; take a copy that is whole",
    "permission denied": "not allowed; choose another place",
    "read-only file system": "the file system is read-only; choose another place",
    "accessdenied": "the object store refuses the keys; check AWS_ACCESS_KEY_ID and the others",
    "invalidaccesskeyid": "the object store does not know the keys; check AWS_ACCESS_KEY_ID",
    "failed to get aws credentials": "no keys of the object store; set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY",
    "nosuchbucket": "there is no such bucket; make it, or name another",
}
"""What is said where a complaint of the store holds these words."""
SOURCE_LINE = re.compile(r",? \S+\.rs:\d+:\d+")
"""Where in the store's own program it complained."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """A place that holds tables.

    Attributes:
        place: a folder, or an address such as ``s3://bucket/gallery``.
        options: of the object store, such as ``aws_endpoint``; what is not said comes from the
            environment, as other tools for it take it.
    """

    place: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def remote(self) -> bool:
        """Whether it is no folder of this machine."""
        return "://" in self.place

    def connect(self) -> Any:
        """LanceDB's connection; makes nothing."""
        os.environ.setdefault("RUST_LOG", "error")  # its warnings are for those who write programs
        os.environ.setdefault("LANCE_LOG", "error")
        lancedb = require("lancedb", "gallery", "a gallery")
        logging.getLogger("lance").setLevel(logging.ERROR)
        with said_of(self.place, "opened"):
            return lancedb.connect(self.place, storage_options=dict(self.options) or None)

    def names(self) -> list[str]:
        """The tables that are there."""
        if not self.remote and not Path(self.place).is_dir():
            return []
        with said_of(self.place, "read"):
            return list(self.connect().list_tables().tables)

    def make(self, name: str, schema: pa.Schema, about: Mapping[str, Any]) -> None:
        """A new empty table; nothing where it is there."""
        schema = schema.with_metadata({ABOUT_KEY: json.dumps(about, sort_keys=True)})
        with said_of(self.place, "made"):
            self.connect().create_table(name, schema=schema, exist_ok=True)

    def open(self, name: str) -> Any:
        """A table as it is now."""
        with said_of(self.place, "opened"):
            return self.connect().open_table(name)


def about_of(schema: pa.Schema) -> dict[str, Any]:
    """What a table says of itself; nothing where it is not ours."""
    try:
        found = json.loads((schema.metadata or {})[ABOUT_KEY.encode()])
    except (KeyError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def said_of(place: str, done: str) -> Iterator[None]:
    """Complaints of the store as one line about ``place``, which could not be ``done``."""
    try:
        yield
    except CrosswakeError:
        raise
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise CrosswakeError(f"{place}: cannot be {done} ({reason_of(error)})") from error


def reason_of(error: Exception) -> str:
    """Why, in words where we know the complaint, else the complaint's first line."""
    text = SOURCE_LINE.sub("", " ".join(str(error).split()))
    known = (said for words, said in REASONS.items() if words in text.lower())
    return next(known, cut_short(plain_text(text) or type(error).__name__, 240))


def until_committed(change: Callable[[], R]) -> R:
    """The result of a change that may be tried again, because others may write meanwhile."""
    for attempt in range(ATTEMPTS_TO_COMMIT):
        try:
            return change()
        except (OSError, ValueError, RuntimeError) as error:
            if CONFLICT not in str(error).lower() or attempt == ATTEMPTS_TO_COMMIT - 1:
                raise
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))
    raise AssertionError


def sql_text(value: str) -> str:
    """A text as it stands in a condition."""
    return "'" + value.replace("'", "''") + "'"


def sql_in(column: str, values: Sequence[str]) -> str:
    """The condition that a column has one of the values."""
    return f"{column} IN ({', '.join(map(sql_text, values))})" if values else "false"


def sql_part_of_id(start: str) -> str:
    """The condition that an id begins with ``start``."""
    return f"starts_with(id, {sql_text(start)})"
