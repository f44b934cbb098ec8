"""Promise: one run writes a folder, a start that failed leaves nothing in it, and no other run is
resumed than the one that is there."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.core.lock import only_writer
from crosswake.core.progress import Progress
from crosswake.core.tensor_files import read_tensors
from crosswake.settings.run import OptimiserConfig
from crosswake.tasks.reid.task import ReidTask
from crosswake.training import checkpoint
from crosswake.training.checkpoint import resume
from crosswake.training.distributed import make_fabric
from crosswake.training.folder import own_folder
from crosswake.training.task import Run
from tests.training.opponents import Opponents, Settings
from tests.training.running import assert_equal_runs, without_clock
from tests.training.small import Small
from tests.training.test_task import fitted, settings


def complaint(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_running_run_is_neither_resumed_nor_started_again(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And whoever comes too late leaves it as it is."""
    output = shutil.copytree(small.whole, tmp_path / "a")
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    with only_writer(output):
        for more in (["--resume"], [f"--data={small.data}"]):
            said = complaint(capsys, [small.command, *more, "--output", str(output)])
            assert f"{output} is being written by another process (process {os.getpid()}" in said
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_other_processes_of_a_run_do_not_lock_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", "1"), ("SLURM_PROCID", "3"), ("CROSSWAKE_STARTER", "77")):
        with monkeypatch.context() as patch, only_writer(tmp_path / "a"):
            patch.setenv(name, value)
            with own_folder(settings(tmp_path / "a")):
                pass
    monkeypatch.setenv("RANK", "0")
    with own_folder(settings(tmp_path / "a")):
        assert list((tmp_path / "a").glob("*.lock")) == [tmp_path / "a/.crosswake.lock"]


ERRORS = [RuntimeError("a bug"), CrosswakeError("a mistake"), MemoryError()]


@pytest.mark.parametrize("error", ERRORS)
def test_a_start_that_fails_leaves_nothing(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever fails, in the first batch; but a file of the user's stays."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    from crosswake.tasks.pretrain.task import PairTask

    monkeypatch.setattr(ReidTask if small.command == "train" else PairTask, "make_batch", fail)
    assert main([small.command, *small.words(tmp_path / "runs/a")]) in (1, 2)
    assert not (tmp_path / "runs").exists()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/log.txt").write_text("mine")
    (tmp_path / "b/settings.yaml").write_text("mine too")
    assert main([small.command, *small.words(tmp_path / "b")]) in (1, 2)
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"log.txt", "settings.yaml"}


def test_a_run_that_was_killed_at_once_is_started_again(
    small: Small,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing was learnt that could be lost, be it with other settings."""
    output = tmp_path / "a"

    class Killed(BaseException):
        """No clean-up."""

    def die(*_: Any) -> None:
        raise Killed

    from crosswake.training import loop

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop, "learn", die)
        small.run(output)
    assert torch.load(output / "last.pt", weights_only=True)["epoch"] == 0
    small.run(output, "--epochs=1", "--seed=5")
    assert len(without_clock(output)) == 1
    assert "holds a run" in complaint(capsys, [small.command, *small.words(output)])


def test_a_run_of_the_other_command_is_named(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where its settings are given, so that its own are not read."""
    other = {"train": "pretrain", "pretrain": "train"}[small.command]
    for more in ([], ["--config", {"train": "demo", "pretrain": "pairs_small"}[other]]):
        said = complaint(capsys, [other, "--resume", "--output", str(small.whole), *more])
        assert said == (
            f"crosswake: --resume: {small.whole} holds a run of crosswake {small.command}; go on "
            f"with it by: crosswake {small.command} --resume --output {small.whole}\n"
        )


CONSTANT = OptimiserConfig(lr=0.2, warmup_epochs=2, final_factor=1)


@pytest.mark.parametrize("stop_in", [-1, 3])
def test_a_longer_run_at_a_constant_rate_is_as_if_it_had_been_meant_so(
    tmp_path: Path, stop_in: int
) -> None:
    """Whether the shorter one had ended or was stopped."""
    long = replace(settings(tmp_path / "long"), optimiser=CONSTANT, quiet=True)
    short = replace(long, output=tmp_path / "short", epochs=5)
    fitted(long)
    if stop_in > 0:
        with pytest.raises(KeyboardInterrupt):
            fitted(short, stop_in)
    else:
        fitted(short)
    fitted(replace(long, output=short.output, resume=True))
    assert_equal_runs(long.output, short.output)
    assert without_clock(long.output) == without_clock(short.output)
    again = yaml.safe_load((short.output / "settings.yaml").read_text())
    assert again["epochs"] == 12, "the next --resume goes on with as many"
    with pytest.raises(CrosswakeError, match=r"--epochs: .* has finished 12 already"):
        fitted(replace(long, output=short.output, resume=True, epochs=4))


def test_a_longer_run_at_a_falling_rate_is_another_run(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused, and what the complaint tells to do works."""
    arguments = small.words(small.whole, "--resume", "--epochs=6")
    said = complaint(capsys, [small.command, *arguments])
    last = small.whole / "last.pt"
    assert "has 4, over which its learning rate falls to its end, so 6 would be another run" in said
    assert f"start that from its weights: --init {last} and another --output\n" in said
    small.run(tmp_path / "b", "--epochs=1", f"--init={last}")


def test_a_checkpoint_is_read_once(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, read = shutil.copytree(small.whole, tmp_path / "a"), []

    def watched(path: Path) -> Any:
        read.append(path)
        return read_tensors(path)

    monkeypatch.setattr(checkpoint, "read_tensors", watched)
    assert main([small.command, "--resume", "--output", str(output)]) == 0
    assert read == [output / "last.pt"]


def test_the_rate_after_a_resume_counts_what_this_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crosswake.training import loop

    seen: list[tuple[int, int]] = []

    class Watched(Progress):
        def advance(self, amount: int = 1, note: str = "") -> None:
            super().advance(amount, note)
            seen.append((amount, self.done - self._already))

    stopped = replace(settings(tmp_path), quiet=True)
    with pytest.raises(KeyboardInterrupt):
        fitted(stopped, stop_in=5)  # after 4 of 6 batches of 4 numbers
    monkeypatch.setattr(loop, "Progress", Watched)
    fitted(replace(stopped, resume=True))
    assert seen[0] == (4, 4)
    assert seen[-1][1] == 12 * 24 - (4 * 24 + 16)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, Any]]:
    config = replace(settings(tmp_path_factory.mktemp("saved")), epochs=2, quiet=True)
    fitted(config)
    return replace(config, resume=True), torch.load(config.output / "last.pt", weights_only=True)


JUNK = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just(torch.zeros(7)),
    st.just({"epoch": "x"}),
    st.just([{"a": []}]),
    st.floats(),
)


@given(data=st.data())
@hypothesis_settings(max_examples=60, deadline=None)
def test_an_altered_checkpoint_goes_on_or_is_refused_in_one_line(
    saved: tuple[Settings, dict[str, Any]], data: st.DataObject
) -> None:
    """Any value at any place of the first three levels."""
    config, content = saved
    altered = place = dict(content)
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from(sorted(place, key=str)))
        inner = place[key]
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            break
        place[key] = place = dict(inner)
    place[key] = data.draw(JUNK)
    torch.save(altered, config.output / "last.pt")
    run = Run(config=config, fabric=make_fabric(config))
    try:
        resume(run, Opponents(run))
    except CrosswakeError as error:
        assert "\n" not in str(error)
