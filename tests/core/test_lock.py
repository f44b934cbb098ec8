"""Promise: two processes never write one output, whatever became of the one before, and a lock
leaves nothing behind."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import part_of
from crosswake.core.lock import only_writer

HOLD = """
import sys
from pathlib import Path
from crosswake.core.lock import only_writer
with only_writer(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def hold(folder: Path, name: str = "") -> "subprocess.Popen[str]":
    """A process that holds a lock until it is ended or told to go on."""
    command = [sys.executable, "-c", HOLD, str(folder), name]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("name", ["", "ships.parquet"])
def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "runs/train"
    first = hold(folder, name)
    said = f"{folder / name} is being written by another process .process {first.pid} on .*output"
    with pytest.raises(CrosswakeError, match=said) as caught, only_writer(folder, name):
        raise AssertionError("two at once")
    assert "\n" not in str(caught.value)
    first.communicate("go on\n")
    assert not (tmp_path / "runs").exists()
    with only_writer(folder, name):
        assert folder.is_dir()


def test_a_killed_process_holds_nobody_up_and_its_temporary_files_go(tmp_path: Path) -> None:
    first = hold(tmp_path)
    dead, living = (
        tmp_path / part_of(tmp_path / "last.pt").name.replace(str(os.getpid()), str(number))
        for number in (first.pid, os.getppid())
    )
    dead.touch()
    living.touch()
    first.kill()
    first.communicate()
    with only_writer(tmp_path):
        assert not dead.exists()
        assert living.exists()
    assert [path.name for path in tmp_path.iterdir()] == [living.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CrosswakeError("no"), None])
def test_only_folders_with_content_stay(tmp_path: Path, error: BaseException | None) -> None:
    def work(*, writes: bool) -> None:
        with only_writer(tmp_path / "a/b"):
            if writes:
                (tmp_path / "a/b/kept").touch()
            if error is not None:
                raise error

    for writes in (False, True):
        if error is None:
            work(writes=writes)
        else:
            with pytest.raises(type(error)):
                work(writes=writes)
        found = [path.name for path in tmp_path.rglob("*")]
        assert found == (["a", "b", "kept"] if writes else [])


def test_files_of_one_folder_have_locks_of_their_own(tmp_path: Path) -> None:
    with only_writer(tmp_path, "a.parquet"), only_writer(tmp_path, "b.parquet"):
        pass
    assert not any(tmp_path.iterdir())


def test_an_error_of_the_work_itself_is_not_taken_for_the_locks(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), only_writer(tmp_path):
        raise BlockingIOError


def test_many_at_once_are_one_at_a_time(tmp_path: Path) -> None:
    """Whoever removes the lock file, and the folder with it, does not let two in."""
    inside, most, done = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, done
        while done < 200:
            try:
                with only_writer(tmp_path / "new/folder"):
                    inside += 1
                    time.sleep(1e-4)  # lets others in, if anything does
                    most = max(most, inside)
                    done += 1
                    inside -= 1
            except CrosswakeError as error:
                assert "another process" in str(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not list(tmp_path.rglob("*.lock"))


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.crosswake.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(CrosswakeError, match="cannot be written"), only_writer(tmp_path / "run"):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


def test_without_locks_of_the_file_system_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def flock(*_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with only_writer(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.touch()
    with pytest.raises(CrosswakeError, match="run: cannot be written"), only_writer(run):
        pass
