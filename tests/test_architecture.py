"""Promise: the rooms of the house stand on each other, and no import climbs or goes in a circle."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "crosswake"
FLOORS = [
    "core",
    "data",
    "simulate",
    "settings",
    "retrieval",
    "buildings",
    "batches",
    "models",
    "training",
    "tasks",
    "embedding",
    "exporting",
    "reports",
    "compare",
    "gallery",
    "scenes",
    "tracks",
    "serving",
    "cli",
]
"""From the ground: a room imports from itself and from those before it."""


def module_name(path: Path) -> str:
    """``crosswake.data.chips`` of a file."""
    return ".".join(("crosswake", *path.relative_to(SOURCE).with_suffix("").parts))


MODULES = {module_name(path).removesuffix(".__init__"): path for path in SOURCE.rglob("*.py")}


def imports_of(path: Path) -> set[str]:
    """Modules of this package that a file imports, wherever in the file; types included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
    return {name for name in found if name in MODULES and name != "crosswake"}


GRAPH = {name: imports_of(path) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    """The room of a module; empty for the package's own files."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(FLOORS)


def test_no_import_climbs() -> None:
    climbing = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if room_of(module) and FLOORS.index(room_of(other)) > FLOORS.index(room_of(module))
    ]
    assert climbing == []


def test_no_circle() -> None:
    waiting = {module: set(others) for module, others in GRAPH.items()}
    while ready := [module for module, others in waiting.items() if not others]:
        for module in ready:
            del waiting[module]
        for others in waiting.values():
            others.difference_update(ready)
    assert waiting == {}, "these import each other"


@pytest.mark.parametrize("room", ["core", "data", "retrieval"])
def test_rooms_without_torch(room: str) -> None:
    modules = [name for name in MODULES if room_of(name) == room]
    program = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("other", ["data", "retrieval", "models", "tasks"])
def test_training_knows_no_data_and_no_models(other: str) -> None:
    """Neither by itself nor through what it imports, so that any task can be learnt."""
    reached, waiting = set(), [name for name in MODULES if room_of(name) == "training"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += GRAPH[module] - reached
    assert [module for module in reached if room_of(module) == other] == []


CHECKED_ROOMS = [name for name in FLOORS if (SOURCE / name).is_dir()]
"""Rooms that keep to the limits below, files of tests included."""
MOST_PARAMETERS, MOST_COLUMNS, MOST_LINES = 6, 100, 320
PRAGMA = re.compile(r"  # (noqa|type): ?.*$")
"""What a line tells a checker does not count."""


def files_of(room: str) -> list[Path]:
    """The files of a room and of its tests."""
    tests = SOURCE.parents[1] / "tests" / room
    return sorted([*(SOURCE / room).rglob("*.py"), *tests.rglob("*.py")])


@pytest.mark.parametrize("room", CHECKED_ROOMS)
def test_no_function_has_many_parameters(room: str) -> None:
    crowded = []
    for path in (SOURCE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args
                names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                count = sum(name.arg not in ("self", "cls") for name in names)
                if count > MOST_PARAMETERS:
                    crowded.append(f"{path.name}: {node.name} has {count} parameters")
    assert crowded == []


@pytest.mark.parametrize("room", CHECKED_ROOMS)
def test_no_line_is_wide_and_no_file_long(room: str) -> None:
    found = []
    for path in files_of(room):
        lines = path.read_text(encoding="utf-8").splitlines()
        shown = [PRAGMA.sub("", line) for line in lines]
        wide = [number for number, line in enumerate(shown, 1) if len(line) > MOST_COLUMNS]
        found += [f"{path.name}: line {number} is wide" for number in wide]
        if len(lines) > MOST_LINES:
            found.append(f"{path.name}: {len(lines)} lines")
    assert found == []
