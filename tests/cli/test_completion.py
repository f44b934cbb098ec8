"""Promise: the shell completes commands, options and values from the printed script."""

import shutil
import subprocess
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from crosswake.cli.main import main

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_crosswake crosswake "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
echo "${COMPREPLY[*]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    path = tmp_path_factory.mktemp("completion") / "crosswake"
    with path.open("w") as file, redirect_stdout(file):
        assert main(["completion", "bash"]) == 0
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ev"], "evaluate"),
        (["data", "c"], "check"),
        (["data", "check", "--str"], "--strict"),
        (["evaluate", "--device", "c"], "cpu cuda"),
        (["evaluate", "--rerank.l"], "--rerank.lambda"),
        (["train", "--optimiser.w"], "--optimiser.weight_decay"),
        (["train", "--model.pooling", "gr"], "grid"),
        (["completion", ""], "bash zsh"),
        (["train", "--quiet", "--dev"], "--device --devices"),
        (["train", "--config", "de"], "demo demo_imagenet"),
        (["train", "--init", "vit"], "vit-b16-imagenet"),
        (["evaluate", "--split", "n"], "none"),
        (["data", "download", "ho"], "hoss"),
        (["--v"], "--version"),
    ],
)
def test_bash_completes(words: list[str], expected: str, script: Path) -> None:
    command = ["bash", "-c", ASK, "ask", str(script), "crosswake", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.split()
    assert all(word in found for word in expected.split()), done
    assert all(word.startswith(words[-1]) for word in found)


def test_files_come_after_paths(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for words in (
        ["train", "--config", "mi"],
        ["evaluate", "--checkpoint", "mi"],
        ["data", "check", "mi"],
        ["data", "pairs", "new", "--sen12", "mi"],
    ):
        command = ["bash", "-c", ASK, "ask", str(script), "crosswake", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["mine.yaml"], words


def test_nothing_is_offered_that_is_refused(script: Path) -> None:
    assert "null" not in script.read_text().replace("/dev/null", "")


def test_zsh_gets_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("#compdef crosswake")
    assert "--rerank.lambda" in said
    assert "names:name:(buildings_height_net " in said and " demo demo_imagenet " in said
    assert "--quiet[" in said
    assert "]:{true,false}:(true false)" in said, "after a switch that is on by default"
