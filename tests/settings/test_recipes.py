"""Promise: recipes resolve to the values they had when each was written out, and files that extend
others are read as one."""

import json
from pathlib import Path
from typing import Any

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import plain
from crosswake.settings.recipe import RECIPES, merged, read_settings
from crosswake.settings.run import RunConfig
from tests.parsing import parse_buildings, parse_pretraining, parse_training

RESOLVED = json.loads(Path(__file__).with_name("recipes.json").read_text(encoding="utf-8"))
"""What each recipe changes, by the names of options."""


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"optimiser.lr": 0.1}`` of ``{"optimiser": {"lr": 0.1}}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict)
        result |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return result


def parsed(name: str) -> RunConfig:
    """The settings of a recipe, for the command that it is meant for."""
    parse_by_prefix = {"pairs": parse_pretraining, "buildings": parse_buildings}
    return parse_by_prefix.get(name.partition("_")[0], parse_training)(["--config", name])


def changed(name: str) -> dict[str, Any]:
    """The settings in which a recipe differs from the defaults."""
    config = parsed(name)
    defaults = flat(plain(type(config)()))
    return {key: value for key, value in flat(plain(config)).items() if value != defaults[key]}


def test_every_recipe_is_known_here() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == set(RESOLVED) | {"small_model"}


@pytest.mark.parametrize("name", RESOLVED)
def test_recipes_resolve_to_what_they_were(name: str) -> None:
    assert changed(name) == RESOLVED[name]


def test_every_key_of_a_recipe_is_used() -> None:
    for name in RESOLVED:
        resolved = flat(plain(parsed(name)))
        for key, value in flat(read_settings(name)).items():
            assert resolved[key] == value, (name, key)


def test_own_values_win_level_by_level() -> None:
    base = {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert merged(base, {"b": {"d": {"e": 4}}, "f": 5}) == {
        "a": 1,
        "b": {"c": 2, "d": {"e": 4}},
        "f": 5,
    }
    assert base == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}


def test_a_file_extends_a_file_beside_it_and_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: demo\nepochs: 3\nloss: {margin: 0.3}\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "more.yaml").write_text(
        "extends: ../mine.yaml\nloss: {margin: none}\noptimiser: {clip_norm: None}\n"
    )
    config = parse_training(["--config", str(tmp_path / "deep" / "more.yaml"), "--batch.chips=4"])
    assert (config.epochs, config.batch.identities, config.batch.chips) == (3, 32, 4)
    assert (config.loss.margin, config.optimiser.clip_norm) == (None, None)
    assert config.loss.contrastive == 1.0


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "extends: a.yaml"}, "a extends a, a circle"),
        ({"a": "extends: b.yaml", "b": "extends: a.yaml"}, "a extends b extends a, a circle"),
        ({"a": "extends: deom"}, "no file and no recipe 'deom'; did you mean demo?"),
        ({"a": "extends: b.yaml", "b": "[1, 2]"}, "b.yaml is no YAML file of settings"),
        ({"a": "epochs: ["}, "a.yaml is no YAML file of settings"),
        ({"a": "optimser: {lr: 1}"}, "no such setting 'optimser'; did you mean optimiser?"),
        ({"a": "optimiser: {lrr: 1}"}, "'optimiser.lrr'; did you mean optimiser.lr?"),
        ({"a": "optimiser: fast"}, "'optimiser' must hold settings, got fast"),
        ({"a": "optimiser: {lr: fast}"}, "--optimiser.lr: expected a number, got fast"),
        ({"a": "optimiser: {lr: none}"}, "--optimiser.lr: expected a number"),
        ({"a": "optimiser: {lr: -1}"}, "--optimiser.lr: must be above 0"),
    ],
)
def test_mistakes_in_a_file_are_one_line(files: dict[str, str], said: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(CrosswakeError) as caught:
        parse_training(["--config", str(tmp_path / "a.yaml")])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
