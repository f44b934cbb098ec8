"""Promise: whatever stands in a settings file or on the command line, a command gets checked
settings, or the user one line."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

from crosswake.cli.commands import COMMANDS
from crosswake.settings.common import plain
from crosswake.settings.parsing import make_parser, parse
from crosswake.settings.recipe import RECIPES
from crosswake.settings.stored import restored
from crosswake.settings.words import Kinds, alternatives
from tests.fuzz.harness import Bounds, damaged, fuzz

BOUNDS = Bounds(small=60, full=500, seconds=20, mebibytes=512)
KINDS: dict[str, tuple[Any, Kinds]] = {
    name: (command.settings_class(), make_parser(command.settings_class(), name).kinds())
    for name, command in COMMANDS.items()
}
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**32, 2**63, 10**30, 10**400),
    *(0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), float("-inf")),
    *("", " ", "none", "null", "text", "1", "1e3", "0x10", "[1, 2]", "{a: 1}", "a" * 5000),
    *(
        "\x00",
        "\x1b[31m",
        "é\u202e",
        "--seed",
        "=",
        "&a [*a]",
        "[" * 3000,
        "!!python/name:os.system",
    ),
    *([], [1], [None, 1], [1, 2], [1.5, 2], ["a", []], [[]], [64, 32, 16], {}, {"a": 1}, {1: None}),
]
TEXTS = [
    *("", "a", "- 1", "seed: [", "seed: 1\nseed: 2", "? [a]\n: b", "2020-01-01: 1", "null: 1"),
    *(
        "seed: 2020-01-01",
        "seed: !!binary aGk=",
        "seed: !!set {a}",
        "seed: 1:60:60",
        "\ufeffseed: 1",
    ),
    *(
        "model: &a {depth: *a}",
        "model: &a\n  <<: *a",
        "<<: {seed: 1}",
        "extends: [demo]",
        "extends: a",
    ),
    *("extends: {}", "extends: " + "a" * 300, "extends: demo", "extends: ../demo", "--- 1\n--- 2"),
    *("config: demo", "print_config: true", "help: 1", "seed_: 1", "rerank: none", "rerank: {}"),
    *("seed: !!python/object/apply:os.system [ls]", "seed: {seed: {seed: 1}}", "a: " + "[" * 900),
]


def value_for(kind: Any, rng: random.Random) -> Any:
    """Something that the type takes, or anything."""
    if rng.random() < 0.5:
        return rng.choice(ODD)
    one = rng.choice(alternatives(kind))
    if get_origin(one) is Literal:
        return rng.choice(get_args(one))
    if get_origin(one) is tuple:
        return [value_for(int, rng) for _ in range(rng.choice((1, 2, 2, 3)))]
    made: dict[Any, Callable[[], Any]] = {
        int: lambda: rng.choice((0, 1, 2, 8, 64, 2**40)),
        float: lambda: rng.choice((0.0, 0.1, 1.0, 5)),
        bool: lambda: rng.random() < 0.5,
        str: lambda: rng.choice(("vit", "resnet18", "nowhere")),
        Path: lambda: rng.choice(("here", "/tmp", "a.parquet", "a\nb")),
    }
    return made.get(one, lambda: rng.choice(ODD))()


def settings_text(kinds: Kinds, rng: random.Random) -> bytes:
    """A YAML file of some settings, or of what is none."""
    if rng.random() < 0.3:
        return rng.choice(TEXTS).encode()
    if rng.random() < 0.2:
        recipe = rng.choice(sorted(RECIPES.glob("*.yaml")))
        return damaged(recipe.read_bytes(), rng)
    content: dict[str, Any] = {}
    for option in rng.sample(sorted(kinds), min(len(kinds), rng.randint(1, 4))):
        *groups, name = option.removeprefix("--").split(".")
        inner = content
        for group in groups:
            below = inner.setdefault(group, {})
            inner = below if isinstance(below, dict) else {}
        inner[name] = value_for(kinds[option], rng)
    text = yaml.safe_dump(content, allow_unicode=rng.random() < 0.5).encode("utf-8", "replace")
    return damaged(text, rng) if rng.random() < 0.2 else text


def words_for(kinds: Kinds, rng: random.Random) -> list[str]:
    """Words of a command line, most of them options that there are."""
    words: list[str] = []
    options = sorted(set(kinds) - {"--help", "-h"})
    for option in rng.sample(options, min(len(options), rng.randint(0, 3))):
        value = str(value_for(kinds[option], rng))
        given = [f"{option}={value}", option, value] if rng.random() < 0.5 else [option, value]
        words += given[:1] if rng.random() < 0.5 else given[-2:]
    if rng.random() < 0.2:
        words.insert(rng.randint(0, len(words)), str(rng.choice(ODD)))
    return [word for word in words if not word.startswith(("--print_", "--config"))]


def attempt(rng: random.Random, folder: Path) -> None:
    """Parse once; what comes out can be written down and read back."""
    command = rng.choice(sorted(KINDS))
    kind, kinds = KINDS[command]
    words = words_for(kinds, rng)
    if rng.random() < 0.7:
        path = folder / "settings.yaml"
        path.write_bytes(settings_text(kinds, rng))
        words += ["--config", str(path)]
    for name in ("checkpoint", "data", "output"):
        if f"--{name}" in kinds and f"--{name}" not in " ".join(words):
            words.append(f"--{name}=there.parquet")
    found = parse(kind, command, words)
    assert restored(kind, plain(found)) == found


def test_settings(tmp_path: Path) -> None:
    tally = fuzz("settings", attempt, tmp_path, BOUNDS)
    assert tally["refused"] > tally["succeeded"] > 0
