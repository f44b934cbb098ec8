"""What all settings share: checking them, writing them out as plain data, and finding recipes."""

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from crosswake.core.errors import CrosswakeError

Precision = Literal["fp32", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda", "mps"]


def check(good: bool, setting: str, problem: str) -> None:
    """Raise one line naming the setting unless ``good``."""
    if not good:
        raise CrosswakeError(f"--{setting}: {problem}")


def plain(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON-like data: paths as text, tuples as lists."""
    return {key: _plain(value) for key, value in asdict(config).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def recipe_path(name: str) -> Path:
    """The settings file that ``--config NAME`` means: a file as given, else a recipe of that name.

    Raises:
        CrosswakeError: neither exists; the message lists the recipes.
    """
    if Path(name).is_file():
        return Path(name)
    folder = Path(str(files("crosswake"))) / "settings" / "recipes"
    recipe = folder / f"{name.removesuffix('.yaml')}.yaml"
    if recipe.is_file():
        return recipe
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise CrosswakeError(f"--config: no file and no recipe '{name}'; recipes: {known}")
