"""Promise: help at once, mistakes in one line with exit code 2, tracebacks only when asked for."""

import signal
import subprocess
import sys
import time
import types
from dataclasses import dataclass

import pytest
import yaml

from crosswake import __version__
from crosswake.cli.commands import COMMANDS, Command, find_command
from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"]])
def test_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"crosswake {__version__}\n"


@pytest.mark.parametrize(
    "words", [["--help"], ["data", "check", "--help"], ["data", "download", "--list"]]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom crosswake.cli.main import main\n"
        f"try: code = main({words!r})\nexcept SystemExit as stop: code = stop.code or 0\n"
        "heavy = {'torch', 'rasterio', 'matplotlib', 'timm', 'scipy', 'huggingface_hub'} & "
        "set(sys.modules)\n"
        "assert code == 0 and not heavy, (code, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crosswake", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("crosswake: no command 'nonsense'; there are: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["data"], ["data", "--help"], ["data", "-h"], ["help", "data"]])
def test_a_group_answers_with_its_commands(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "usage: crosswake data COMMAND" in said
    for name, command in COMMANDS.items():
        assert (f"  {name} " in said) == (command.summary in said) == name.startswith("data ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_prints_its_settings(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: crosswake {name} ")
    assert main(["help", *name.split()]) == 0
    assert capsys.readouterr().out == said
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), "--print_config"])
    assert stopped.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)


def test_help_is_quick_for_it_imports_no_parser() -> None:
    code = (
        "import sys\nfrom crosswake.cli.main import main\nmain(['--help'])\n"
        "sys.exit(bool({'jsonargparse', 'yaml', 'numpy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["train", "pretrain", "evaluate", "embed", "probe"])
def test_data_given_twice_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--data", "a.csv", "--data=b.csv"]) == 2
    said = f"crosswake: --data: given twice; give it once (crosswake {command} --help)\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "no command 'trian'; did you mean train? ("),
        (["evalute", "--data", "x"], "no command 'evalute'; did you mean evaluate? ("),
        (["data", "chek"], "no command 'data chek'; did you mean data check? ("),
        (["help", "trian"], "did you mean train?"),
        (["train", "--optimser.lr", "1"], "--optimser.lr: no such option; did you mean --opti"),
        (["chek", "x"], "no command 'chek'; did you mean buildings check or data check? ("),
        (["Data", "Check"], "no command 'Data'; did you mean data check? ("),
        (["download", "hoss"], "no command 'download'; did you mean data download? ("),
        (["--verison"], "no option '--verison'; did you mean --version? ("),
        (["evaluate", "-checkpoint", "x"], "-checkpoint: no such option; did you mean --checkp"),
        (["train", "-d", "x"], "-d: no such option"),
        (["dance"], "no command 'dance'"),
        (["data", "dance"], "no command 'data dance'; there are: data check, data download"),
        (["data", "check"], "crosswake data check --help"),
        (["data", "check", "--dance", "x"], "crosswake data check --help"),
        (["data", "check", "/no/where"], "/no/where: no such folder"),
        (["data", "download", "dance"], "nothing is known by the name 'dance'; there are: hoss, "),
        (
            ["data", "download", "transoss-hoss", "--only", "x"],
            "--only x: transoss-hoss is one file",
        ),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("crosswake: ")
    assert message in said.err
    assert said.err.count("\n") == 1


EVALUATE = ["evaluate", "--checkpoint", "w.pt", "--data", "x"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["data", "pairs", "out", "--crops", "round"],
            "--crops: expected one of grid, random, got round (",
        ),
        (
            ["data", "pairs", "out", "--crop_size", "a", "b"],
            "--crop_size: expected 2 whole numbers, got a (",
        ),
        (
            [*EVALUATE, "--split", "sideways"],
            "--split: expected one of train, val, test, got sideways (",
        ),
        ([*EVALUATE, "--rerank.lambda", "many"], "--rerank.lambda: expected a number, got many ("),
        (
            [*EVALUATE, "--batch_size", "0"],
            "--batch_size: expected a whole number above 0, got 0 (",
        ),
        (["evaluate"], "the following arguments are required: --checkpoint, --data ("),
        (
            ["export", "--checkpoint", "w.pt", "--min_cosine", "3"],
            "a number at least 0 and at most 1, got 3.0 (",
        ),
        (
            ["train", "--model.image_size", "[1,b]"],
            "--model.image_size: expected 2 whole numbers, ",
        ),
        (["train", "--evaluate", "perhaps"], "--evaluate: expected true or false, got perhaps ("),
        (["train", "--model", "3"], "--model: Unable to load config '3' ("),
    ],
)
def test_complaints_name_the_option_and_what_it_takes(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert not any(word in error for word in ("Parser key", "class '", "Literal", "Union"))


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["probe", "--checkpoint=w.pt"], "folder"),
        (["pretrain"], "folder"),
        (["evaluate", "--checkpoint=w.pt", "--split=val"], "folder or table"),
        (["embed", "--checkpoint=w.pt", "--output=x.parquet"], "folder, table or list"),
        (["export", "--checkpoint=w.pt"], "folder or table"),
    ],
)
def test_data_that_is_not_there(
    command: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--data", "/no/where"]) == 2
    assert (
        capsys.readouterr().err
        == f"crosswake: --data: /no/where: no such {kind}; correct the path\n"
    )


def test_debug_raises(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CrosswakeError, match="no command 'dance'"):
        main(["dance", "--debug"])


@dataclass(frozen=True, kw_only=True)
class Failing:
    """Fail."""

    some: str
    """Some word."""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CrosswakeError("a.tif: is wrong; mend it"), 2, "crosswake: a.tif: is wrong; mend it\n"),
        (KeyboardInterrupt(), 130, "crosswake: interrupted\n"),
        (KeyboardInterrupt("stopped after epoch 3"), 130, "crosswake: stopped after epoch 3\n"),
        (
            ZeroDivisionError("by 0"),
            1,
            "crosswake: unexpected ZeroDivisionError: by 0 (--debug shows where)\n",
        ),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(config: Failing) -> int:
        assert config.some == "word"
        raise error

    command = types.ModuleType("failing")
    vars(command).update(run=run, Failing=Failing)
    monkeypatch.setitem(sys.modules, "failing", command)
    monkeypatch.setitem(COMMANDS, "fail", Command("failing:Failing", "failing", "fails"))
    assert main(["fail", "--some", "word"]) == code
    assert capsys.readouterr().err == said
    with pytest.raises(type(error)):
        main(["fail", "--debug", "--some", "word"])


def test_sigterm_ends_a_command_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the command does on its way out is done, and a program's own handler stays."""
    done = []

    def run(_: Failing) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(10)
        finally:
            done.append("closed")
        return 0

    command = types.ModuleType("failing")
    vars(command).update(run=run, Failing=Failing)
    monkeypatch.setitem(sys.modules, "failing", command)
    monkeypatch.setitem(COMMANDS, "fail", Command("failing:Failing", "failing", "fails"))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert main(["fail", "--some", "word"]) == 130
    assert (capsys.readouterr().err, done) == ("crosswake: interrupted\n", ["closed"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, lambda *_: done.append("own"))
    try:
        monkeypatch.setattr(time, "sleep", lambda _: None)
        assert main(["fail", "--some", "word"]) == 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert done == ["closed", "own", "closed"]


def test_longest_name_wins() -> None:
    assert find_command(["data", "check", "folder", "--strict"]) == (
        "data check",
        ["folder", "--strict"],
    )
    assert find_command(["train", "data"]) == ("train", ["data"])
