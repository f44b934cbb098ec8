"""Promise: wherever output leads, a command ends once, cleanly, and with the right exit code."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crosswake.cli import printing
from crosswake.cli.main import main
from crosswake.data.reid import BadFile
from tests.tasks.fakes import write_chip

HOSTILE = "a\x1b]0;x\x07[/b][link=x]y\u202e:smile:"


def crosswake(words: str, tail: str = "", encoding: str = "utf-8") -> tuple[int, str, str]:
    """Exit code, output and errors of a command that a shell runs."""
    line = f'"{sys.executable}" -m crosswake {words} {tail}'
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path), "PATH": "/bin"},
    )
    return done.returncode, done.stdout, done.stderr


def make_ships(root: Path) -> Path:
    """A data set in which nothing is wrong."""
    for number, part in enumerate(("query", "bounding_box_test")):
        for identity in range(2):
            for modality in ("RGB", "SAR"):
                seed = 10 * number + 2 * identity + (modality == "SAR")
                name = f"{identity:04d}_s{number:02d}c{modality == 'SAR':d}_{modality}"
                write_chip(root / part, name, seed)
    return root


FULL = "crosswake: standard output cannot be written (No space left on device)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("words", "tail", "expected"),
    [
        ("--version", ">/dev/full", (2, "", FULL)),
        ("train --print_config", ">/dev/full", (2, "", FULL)),
        ("--version", ">/dev/full 2>&1", (2, "", "")),
        ("--version", ">&-", (0, "", "")),
        ("dance", "2>&-", (2, "", "")),
        ("dance", ">&- 2>&-", (2, "", "")),
        ("dance", "2>/dev/full", (2, "", "")),
        ("--help", '| head -1; exit "${PIPESTATUS[0]}"', (0, None, "")),
        ("train --help", '| true; exit "${PIPESTATUS[0]}"', (0, "", "")),
    ],
)
def test_streams_that_take_nothing(
    words: str, tail: str, expected: tuple[int, str | None, str]
) -> None:
    code, out, error = crosswake(words, tail)
    assert (code, out if expected[1] is not None else None, error) == expected


def test_a_file_does_not_get_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    make_ships(tmp_path / "ships")
    sheet = tmp_path / "sheet.png"
    code, out, error = crosswake(f"data check {tmp_path / 'ships'} --sheet {sheet}", ">&- 2>&-")
    assert (code, out, error) == (0, "", "")
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_reader_that_leaves_does_not_stop_the_job(tmp_path: Path) -> None:
    make_ships(tmp_path / "ships")
    (tmp_path / "ships/query/0000_s01c0_RGB.png").write_bytes(b"")
    sheet = tmp_path / "sheet.png"
    tail = '| true; exit "${PIPESTATUS[0]}"'
    code, _, _ = crosswake(f"data check {tmp_path / 'ships'} --sheet {sheet} --quiet", tail)
    assert code == 2, "the exit code of the check, which has found a bad file"
    assert sheet.exists()


def test_a_terminal_that_knows_only_ascii(tmp_path: Path) -> None:
    make_ships(tmp_path / "Нева")
    words = f"data check {tmp_path / 'Нева'} --sheet {tmp_path / 's.png'}"
    code, out, error = crosswake(words, encoding="ascii")
    assert (code, error.isascii()) == (0, True)
    assert r"\u041d\u0435\u0432\u0430 (sizes: medians)" in out
    assert out.isascii()


def test_our_own_signs_have_a_form_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr("crosswake.cli.main.help_text", lambda *_: "52.1–62.3 … 3 × 4 é")
    assert main(["--help"]) == 0
    stream.flush()
    assert stream.buffer.getvalue() == b"52.1-62.3 ... 3 x 4 \\xe9\n"


def say_path() -> None:
    printing.print_line(Path(HOSTILE))


def say_plainly() -> None:
    print(HOSTILE)


def say_error() -> None:
    print(HOSTILE, file=sys.stderr)


def say_bad_files() -> None:
    printing.print_left_out([BadFile(path=Path(HOSTILE), reason="no\npicture")], "x")


def say_table() -> None:
    table = printing.plain_table(HOSTILE, HOSTILE, (HOSTILE,))
    table.add_row(HOSTILE, HOSTILE, style="bold")
    console = printing.make_console()
    console.print(table)
    console.print(HOSTILE)
    printing.print_some(console, HOSTILE, [f"{HOSTILE}\nx"] * 3, 2, HOSTILE)


@pytest.mark.parametrize("say", [say_path, say_plainly, say_error, say_bad_files, say_table])
def test_names_do_not_act_on_the_terminal(
    say: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("crosswake.cli.main.help_text", lambda *_: say())
    assert main(["--help"]) == 0
    said = "".join(capsys.readouterr())
    assert r"a\x1b]0;x\x07[/b][link=x]y\u202e:smile:" in said
    assert not set(said) & {"\x1b", "\x07", "\u202e"}
    assert "\npicture" not in said
    assert "\nx" not in said


def test_errors_with_names_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", f"/no/{HOSTILE}\nall good"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "\x1b" not in error
