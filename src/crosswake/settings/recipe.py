"""Settings files: recipes by name, and files that extend others."""

import difflib
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from crosswake.core.errors import CrosswakeError

RECIPES = Path(__file__).parent / "recipes"
EXTENDS = "extends"
"""Key of the recipe or file that a settings file starts from."""
MOST_SETTINGS_BYTES, MOST_NODES = 1_000_000, 10_000
"""Largest file of settings, and most names and values in it."""


def read_settings(name: str, option: str = "--config") -> dict[str, Any]:
    """The settings that a recipe or file holds, with those of the files it extends.

    Args:
        name: a recipe, or a path.
        option: what the user gave it with, for messages.

    Raises:
        CrosswakeError: there is no such file, it holds no settings, or it extends itself.
    """
    return _read(find_recipe(name, Path(), option), option, [])


def _read(path: Path, option: str, below: list[Path]) -> dict[str, Any]:
    """The settings of one file; ``below`` are the files that led to it."""
    if path.resolve() in below:
        names = " extends ".join(file.stem for file in [*below, path])
        raise CrosswakeError(f"{option}: {names}, a circle; remove one 'extends'")
    try:
        content = plain_yaml(path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        advice = "correct it, or name another --config"
        raise CrosswakeError(
            f"{option}: {path} is no YAML file of settings ({why_none(error)}); {advice}"
        ) from error
    base = content.pop(EXTENDS, None)
    if base is None:
        return content
    found = find_recipe(str(base), path.parent, f"{option}: {path}: {EXTENDS}")
    return merged(_read(found, option, [*below, path.resolve()]), content)


def plain_yaml(path: Path) -> dict[str, Any]:
    """What a YAML file of settings holds.

    Raises:
        ValueError: it is too large, written out in full too, or no mapping.
        RecursionError: it is too deep.
    """
    if path.stat().st_size > MOST_SETTINGS_BYTES:
        raise ValueError(f"over {MOST_SETTINGS_BYTES} bytes")
    loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ValueError("no 'name: value' at its top")
        count_nodes(root, MOST_NODES)
        found: dict[str, Any] = loader.construct_document(root)
        return found
    finally:
        loader.dispose()


def count_nodes(node: yaml.Node, left: int) -> int:
    """How many more nodes there may be after this one and all below it, each as often as aliases
    repeat it.

    Raises:
        ValueError: none.
        RecursionError: one is inside of itself, or very deep.
    """
    inner = node.value if isinstance(node, yaml.CollectionNode) else []
    for part in inner:
        for one in part if isinstance(part, tuple) else (part,):
            left = count_nodes(one, left - 1)
    if left < 0:
        raise ValueError(f"over {MOST_NODES} values, with those that aliases repeat")
    return left


def why_none(error: Exception) -> str:
    """One short line on a file that cannot be read as settings."""
    if isinstance(error, RecursionError):
        return "nested too deeply, or inside of itself"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    words = getattr(error, "strerror", None) or str(error)
    return next(iter(words.splitlines()), type(error).__name__)[:200]


def merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Both, level by level; where both have a value, that of ``own``."""
    result = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def find_recipe(name: str, folder: Path, named_by: str) -> Path:
    """A file of that name, seen from ``folder``; else the recipe of that name.

    Raises:
        CrosswakeError: neither exists; the message lists the recipes.
    """
    recipe = RECIPES / f"{name.removesuffix('.yaml')}.yaml"
    for path in (folder / name, recipe):
        with suppress(OSError, ValueError):  # no system could have a file of such a name
            if path.is_file():
                return path
    known = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    near = nearest(name, known)
    raise CrosswakeError(
        f"{named_by}: no file and no recipe '{name[:200]}'{near}; recipes: {', '.join(known)}"
    )


def nearest(name: str, known: list[str]) -> str:
    """``; did you mean --optimiser.lr?``, or nothing if no known name is close to ``name``."""
    inner = [one for one in known if one.rpartition(".")[2] == name.lstrip("-")]
    found = inner or difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""
