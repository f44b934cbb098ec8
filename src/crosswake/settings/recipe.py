"""Settings files: recipes by name, and files that extend others."""

import difflib
from pathlib import Path
from typing import Any

import yaml

from crosswake.core.errors import CrosswakeError

RECIPES = Path(__file__).parent / "recipes"
EXTENDS = "extends"
"""Key of the recipe or file that a settings file starts from."""


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
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict):
        advice = "correct it, or name another --config"
        raise CrosswakeError(f"{option}: {path} is no YAML file of settings; {advice}")
    base = content.pop(EXTENDS, None)
    if base is None:
        return content
    found = find_recipe(str(base), path.parent, f"{option}: {path}: {EXTENDS}")
    return merged(_read(found, option, [*below, path.resolve()]), content)


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
        if path.is_file():
            return path
    known = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    near = nearest(name, known)
    raise CrosswakeError(
        f"{named_by}: no file and no recipe '{name}'{near}; recipes: {', '.join(known)}"
    )


def nearest(name: str, known: list[str]) -> str:
    """``; did you mean --optimiser.lr?``, or nothing if no known name is close to ``name``."""
    inner = [one for one in known if one.rpartition(".")[2] == name.lstrip("-")]
    found = inner or difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""
