"""Promise: every setting is documented, and every setting does something."""

import ast
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from docstring_parser import parse_from_object

from crosswake.cli.commands import COMMANDS
from crosswake.settings.words import nested_kind

SOURCE = Path(__file__).resolve().parents[2] / "src" / "crosswake"


def settings_of(kind: Any) -> Iterator[tuple[Any, Field[Any]]]:
    """Every field of a dataclass, and of those nested in it, with the class."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = nested_kind(hints[field.name]) or hints[field.name]
        if is_dataclass(hint):
            yield from settings_of(hint)
        else:
            yield kind, field


def attributes_read() -> set[str]:
    """Names of attributes that the package reads, other than to check them, and names in quotes,
    by which weights of losses are read."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        checks: set[ast.AST] = set()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        in_settings = path.relative_to(SOURCE).parts[0] == "settings"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "__post_init__":
                checks |= set(ast.walk(node))
        found |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node not in checks
        }
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and not in_settings
        }
    return found


READ = attributes_read()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_setting_is_documented_and_read(command: str) -> None:
    kind = COMMANDS[command].settings_class()
    assert kind.__doc__
    for owner, field in settings_of(kind):
        documented = [parse_from_object(part).params for part in owner.__mro__[:-1]]
        docs = {item.arg_name: item.description for params in documented for item in params}
        assert docs.get(field.name), f"{owner.__name__}.{field.name} has no docstring"
        assert field.name in READ, f"nothing reads {owner.__name__}.{field.name}"


@pytest.mark.parametrize("command", COMMANDS)
def test_settings_are_frozen_and_take_keywords(command: str) -> None:
    kind: Any = COMMANDS[command].settings_class()
    for owner, field in settings_of(kind):
        assert owner.__dataclass_params__.frozen
        assert field.kw_only
