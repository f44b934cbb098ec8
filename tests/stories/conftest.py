"""A user at the command line: types a line, reads what it says."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crosswake.cli.main import main
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

SMALL = (
    "--epochs 2 --batch.identities 3 --model.image_size 32 16 --model.width 32 --model.depth 1 "
    "--model.heads 2 --validation.every 1 --device cpu"
)
"""Training of a second."""


@dataclass(frozen=True)
class Answer:
    """What a command said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Terminal = Callable[[str], Answer]


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Runs a line that begins with ``crosswake`` in a new folder."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Answer:
        program, *words = shlex.split(line)
        assert program == "crosswake"
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:  # after --print_config
            code = int(ended.code or 0)
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def ships(tmp_path: Path) -> Path:
    """Six ships to learn, four to test, in the HOSS layout, without ``subset``."""
    return tiny_hoss(tmp_path / "ships")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A model of random weights."""
    return tiny_weights(tmp_path / "tiny.pt")
