"""Promise: one spelling of every option works in every command, and mistakes name the option."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import BY_PLACE, SeedConfig, StrictConfig
from crosswake.settings.parsing import make_parser, parse


@dataclass(frozen=True, kw_only=True)
class Inner:
    """The inner part. It has options."""

    size: tuple[int, int] = (2, 3)
    """Rows and columns."""
    limit: float | None = 1.0
    """Limit; none for no limit."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An extra part."""

    lambda_: float = 0.5
    """Weight."""
    fast: bool = False
    """Be fast."""


@dataclass(frozen=True, kw_only=True)
class Sample(SeedConfig, StrictConfig):
    """Do something."""

    root: Path = field(metadata=BY_PLACE)
    """Folder."""
    out: Path | None = field(default=None, metadata=BY_PLACE)
    """Result."""
    folders: tuple[Path, ...] = ()
    """Some folders."""
    names: tuple[str, ...] = ("a",)
    """Some names."""
    kind: Literal["one", "two"] | None = None
    """Kind, or none."""
    inner: Inner = field(default_factory=Inner)
    extra: Extra | None = None
    """Add something."""
    certain: bool = True
    """Be certain."""


def read(*words: str) -> Sample:
    return parse(Sample, "sample", list(words))


def test_defaults_come_from_the_dataclass() -> None:
    assert read("here") == Sample(root=Path("here"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["here", "there"], Sample(root=Path("here"), out=Path("there"))),
        (["--quiet", "here"], Sample(root=Path("here"), quiet=True)),
        (["here", "--quiet", "--strict=false"], Sample(root=Path("here"), quiet=True)),
        (["--certain", "false", "here"], Sample(root=Path("here"), certain=False)),
        (["--inner.size", "4", "5", "here"], Sample(root=Path("here"), inner=Inner(size=(4, 5)))),
        (["here", "--inner.size=[4,5]"], Sample(root=Path("here"), inner=Inner(size=(4, 5)))),
        (["here", "--inner.size", "[4, 5]"], Sample(root=Path("here"), inner=Inner(size=(4, 5)))),
        (["here", "--inner.limit", "none"], Sample(root=Path("here"), inner=Inner(limit=None))),
        (["here", "--inner.limit=None"], Sample(root=Path("here"), inner=Inner(limit=None))),
        (["here", "--kind", "two"], Sample(root=Path("here"), kind="two")),
        (["here", "--kind=none"], Sample(root=Path("here"))),
        (["here", "--names", "b,c"], Sample(root=Path("here"), names=("b", "c"))),
        (["here", "--names", "[b, c]"], Sample(root=Path("here"), names=("b", "c"))),
        (["here", "--names", "b", "--names=c"], Sample(root=Path("here"), names=("b", "c"))),
        (
            ["--folders", "x, y", "--folders", "[z", "here"],
            Sample(root=Path("here"), folders=(Path("x, y"), Path("[z"))),
        ),
        (["--extra", "here"], Sample(root=Path("here"), extra=Extra())),
        (["here", "--extra.lambda", "0.1"], Sample(root=Path("here"), extra=Extra(lambda_=0.1))),
        (["here", "--extra.fast"], Sample(root=Path("here"), extra=Extra(fast=True))),
        (["here", "--extra", "--extra.fast"], Sample(root=Path("here"), extra=Extra(fast=True))),
        (["here", "--extra", "none"], Sample(root=Path("here"))),
    ],
)
def test_spellings(words: list[str], expected: Sample) -> None:
    assert read(*words) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: root"),
        (["here", "--sede", "3"], "--sede: no such option; did you mean --seed?"),
        (
            ["here", "--inner.sizes", "3"],
            "--inner.sizes: no such option; did you mean --inner.size?",
        ),
        (["here", "--limit", "3"], "--limit: no such option; did you mean --inner.limit?"),
        (["here", "--extra.fats"], "--extra.fats: no such option; did you mean --extra.fast?"),
        (["here", "--xyz"], "--xyz: no such option"),
        (["here", "--seed", "1", "--seed=1"], "--seed: given twice; give it once"),
        (["here", "--quiet", "--quiet"], "--quiet: given twice; give it once"),
        (["here", "--seed"], "--seed: expected a value"),
        (["here", "--seed", "--quiet"], "--seed: expected a value"),
        (["here", "--seed=-1"], "--seed: must be 0 to 4294967295, got -1"),
        (["here", "--seed", "-1"], "--seed: must be 0 to 4294967295, got -1"),
        (["here", "--seed", "none"], "--seed: expected a whole number, got none"),
        (["here", "--inner.size", "4"], "--inner.size: expected 2 whole numbers"),
        (["here", "--kind", "six"], "--kind: expected one of one, two, got six"),
        (["here", "--certain=perhaps"], "--certain: expected true or false, got perhaps"),
        (["here", "--extra.lambda", "x"], "--extra.lambda: expected a number, got x"),
        (["a", "b", "c"], "unrecognized arguments: c"),
    ],
)
def test_mistakes(words: list[str], said: str) -> None:
    with pytest.raises(CrosswakeError) as caught:
        read(*words)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("(crosswake sample --help)")
    assert "\n" not in str(caught.value)


def test_options_win_over_the_file_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text("seed: 3\nextra: {lambda: 0.1}\nkind: none\ninner: {limit: none}\n")
    expected = Sample(root=Path("a"), seed=4, extra=Extra(lambda_=0.1), inner=Inner(limit=None))
    assert read("a", "--seed", "4", "--config", str(path)) == expected
    assert read("a", f"--config={path}", "--seed", "4") == expected
    assert read("a", f"--config={path}", "--extra", "none").extra is None


def test_what_is_printed_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["a", "--names=b", "--inner.limit=none", "--extra.fast"]
    for more in ([], ["--extra", "none"]):
        given = [word for word in words if not more or not word.startswith("--extra")] + more
        with pytest.raises(SystemExit) as stopped:
            read(*given, "--print_config")
        assert stopped.value.code == 0
        path = tmp_path / "printed.yaml"
        path.write_text(capsys.readouterr().out)
        assert ("lambda: " in path.read_text()) == (more == []), "as users type it"
        assert "lambda_" not in path.read_text()
        assert read("a", "--config", str(path)) == read(*given)


def test_help_shows_places_parts_and_defaults() -> None:
    text = " ".join(make_parser(Sample, "sample").format_help().split())
    assert text.startswith("usage: crosswake sample root [out] [options] Do something.")
    assert "The inner part: --inner" in text
    assert "--inner.limit LIMIT Limit; none for no limit. (a number; default: 1.0)" in text
    assert "--extra.lambda" in text
    assert "lambda_" not in text.lower()
    assert "Some folders. (one or more paths; default: none)" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: null", "--seed: expected a whole number, got null"),
        ("certain: null", "--certain: expected true or false, got null"),
        (
            "inner: {size: null}",
            "--inner.size: expected 2 whole numbers",
        ),
        ("inner: {size: [1, null]}", "--inner.size: expected 2 whole numbers"),
        ("inner: null", "'inner' must hold settings, got None"),
        ("inner: 5", "'inner' must hold settings, got 5"),
        ("inner: {limit: .inf}", "--inner.limit: expected a number, got Infinity"),
        ("inner: {limit: .nan}", "--inner.limit: expected a number, got NaN"),
        ("extra: {lambda: null}", "--extra.lambda: expected a number, got null"),
        ("seed: 4294967296", "--seed: must be 0 to 4294967295, got 4294967296"),
        ("seed: 99999999999999999999", "--seed: expected a whole number"),
        ("names: 2020-01-01", "'names': expected text, a number or a list, got a date"),
        ("names: !!set {a, b}", "'names': expected text, a number or a list, got a set"),
        ("config: other.yaml", "no such setting 'config'"),
        ("print_config: true", "no such setting 'print_config'"),
        ("5: 1", "no such setting '5'"),
        ("null: 1", "no such setting 'None'"),
        ("- seed", "is no YAML file of settings (no 'name: value' at its top)"),
        ("", "is no YAML file of settings (no 'name: value' at its top)"),
        ("seed: [", "is no YAML file of settings (line 1: "),
        (
            "a: " + "[" * 5000,
            "is no YAML file of settings (nested too deeply, or inside of itself)",
        ),
        ("&a\ninner: *a", "is no YAML file of settings (nested too deeply, or inside of itself)"),
        ("seed: !!python/object/apply:os.getcwd []", "is no YAML file of settings (line 1: could"),
    ],
)
def test_mistakes_in_a_settings_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text(text)
    with pytest.raises(CrosswakeError) as caught:
        read("here", "--config", str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_may_repeat_values_but_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text("names: &a [b, c]\nfolders: *a\n")
    assert read("here", "--config", str(path)).folders == (Path("b"), Path("c"))
    layers = "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, 10))
    path.write_text(f"x0: &x0 [{'lol, ' * 9}]\n{layers}names: *x9\n")
    with pytest.raises(CrosswakeError, match=r"over 10000 values, with those that aliases repeat"):
        read("here", "--config", str(path))


@pytest.mark.parametrize(
    "word", ["null", "nan", "inf", "1e400", "[" * 5000, "&a [*a]", "\x00", "{"]
)
@pytest.mark.parametrize("option", ["--seed", "--inner.size", "--extra.lambda", "--certain"])
def test_no_word_is_more_than_a_mistake(option: str, word: str) -> None:
    with pytest.raises(CrosswakeError, match=rf"^{option}: ") as caught:
        read("here", f"{option}={word}")
    assert len(str(caught.value)) < 700


def test_no_name_is_more_than_a_missing_file() -> None:
    for name in ("a" * 300, "a" * 5000, "\x00", "/dev/null/x", "."):
        with pytest.raises(CrosswakeError, match=r"^--config: "):
            read("here", "--config", name)
