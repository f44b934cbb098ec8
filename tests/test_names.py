"""Promise: a name at the top level of a module means one thing in the whole package."""

import ast
from collections import defaultdict

from tests.test_architecture import CHECKED_ROOMS, MODULES, room_of

SHARED = {"__all__", "T", "run"}
"""Names that mean the same in every module that has them: a command's options, and the command."""


def names_of(tree: ast.Module) -> set[str]:
    """What a module defines at its top level; imports are not definitions."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inside = (part for target in targets for part in ast.walk(target))
            found |= {part.id for part in inside if isinstance(part, ast.Name)}
    return found


def test_a_name_has_one_place() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in MODULES.items():
        for name in names_of(ast.parse(path.read_text(encoding="utf-8"))) - SHARED:
            places[name].append(module)
    twice = {
        name: modules
        for name, modules in places.items()
        if len(modules) > 1 and any(room_of(module) in CHECKED_ROOMS for module in modules)
    }
    assert twice == {}
