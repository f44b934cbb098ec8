"""What README and docs tell a reader to type works as written."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from crosswake.cli.commands import COMMANDS, find_command
from crosswake.cli.main import main
from crosswake.settings.parsing import parse as parse_command
from tests.parsing import parse_pretraining
from tests.parsing import parse_training as parse

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "examples")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def command_lines(page: Path, program: str) -> list[str]:
    """Every line that begins with ``program``, fenced or indented, with continuations joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(rf"^(?: {{4}}|\$ )?({program} [a-z].*)$", text, flags=re.MULTILINE)
    return [re.sub(r"\s+#.*$", "", line) for line in found]


COMMAND_LINES = [(page.name, line) for page in PAGES for line in command_lines(page, "crosswake")]
BENCHMARK_LINES = [
    (page.name, line)
    for page in PAGES
    for line in command_lines(page, "python -m benchmarks")
    if "--help" not in line
]


@pytest.mark.parametrize(
    ("page", "line"), COMMAND_LINES, ids=[f"{page}: {line}" for page, line in COMMAND_LINES]
)
def test_commands_are_understood(page: str, line: str) -> None:
    name, words = find_command(shlex.split(line.partition(" > ")[0])[1:])
    kind: type[object] = COMMANDS[name].settings_class()
    assert isinstance(parse_command(kind, name, words), kind)


@pytest.mark.parametrize(
    ("page", "line"), BENCHMARK_LINES, ids=[f"{page}: {line}" for page, line in BENCHMARK_LINES]
)
def test_benchmarks_are_understood(page: str, line: str) -> None:
    name, *words = shlex.split(line)[3:]
    importlib.import_module(f"benchmarks.run_{name}").make_parser().parse_words(words)


def test_there_are_commands_to_test() -> None:
    assert len(COMMAND_LINES) > 10
    assert len(BENCHMARK_LINES) > 5
    assert {find_command(shlex.split(line)[1:])[0] for _, line in COMMAND_LINES} == set(COMMANDS)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), (
                f"{page.name}: {target}"
            )


def test_lines_are_short() -> None:
    """Under 100 columns, but for rows of tables and lines with an address."""
    long = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in PAGES
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) >= 100 and not line.startswith("|") and "://" not in line
    ]
    assert long == []


def test_every_page_is_in_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == set(re.findall(r": (\S+\.md)$", site, re.MULTILINE))


def test_the_published_pretraining_holds_the_published_settings() -> None:
    config = parse_pretraining(["--config", "pairs_transoss"])
    assert (config.epochs, config.batch.pairs, config.augment.shared, config.crops) == (
        60,
        256,
        False,
        0,
    )
    assert (config.optimiser.name, config.optimiser.lr) == ("sgd", 3e-3)
    assert (config.model.width, config.model.depth, config.model.sse) == (768, 12, False)
    assert config.loss.temperature == 0.07


def test_the_published_recipe_holds_the_published_settings() -> None:
    config = parse(["--config", "hoss_transoss"])
    assert (config.epochs, config.sar_radiometry) == (200, "max")
    assert (config.model.image_size, config.model.width, config.model.depth) == (
        (256, 128),
        768,
        12,
    )
    assert (config.batch.identities, config.batch.chips) == (8, 4)
    assert (config.optimiser.name, config.optimiser.lr, config.optimiser.bias_lr_factor) == (
        "sgd",
        5e-4,
        2.0,
    )
    assert (config.loss.identity, config.loss.metric, config.loss.margin) == (1.0, 1.0, None)
    assert (config.augment.flip, config.augment.pad, config.augment.erase) == (0.5, 10, 0.5)


def test_from_simulation_to_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's walk on a small fleet: simulate, check, train, evaluate, and its Python block,
    as written."""
    monkeypatch.chdir(tmp_path)
    ships, run = "runs/demo-ships", "runs/demo"
    assert main(["simulate", ships, "--identities", "18", "--sightings", "4", "--quiet"]) == 0
    assert main(["data", "check", ships, "--quiet"]) == 0
    quick = ["--epochs", "1", "--batch.identities", "4", "--model.depth", "1", "--quiet"]
    assert main(["train", "--config", "demo", "--data", ships, "--output", run, *quick]) == 0
    assert {path.name for path in Path(run).iterdir()} >= {
        "report.html",
        "metrics.json",
        "metrics.csv",
        "best.pt",
    }
    arguments = ["--checkpoint", f"{run}/best.pt", "--data", f"{ships}/sightings.csv", "--quiet"]
    assert main(["evaluate", *arguments]) == 0
    assert Path(run, "evaluation-sightings", "report.html").stat().st_size > 50_000
    for block in re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    ):
        names: dict[str, object] = {}
        exec(block, names)
        assert getattr(names["similarity"], "shape", None) == (6, 6)
