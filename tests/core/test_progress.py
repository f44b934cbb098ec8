"""Promise: a bar on a terminal, plain lines in a log, nothing when quiet."""

import itertools
import re
from types import SimpleNamespace

import pytest

from crosswake.core import progress
from crosswake.core.progress import Progress, byte_text, clock, track


def test_log_has_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(step=3)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    assert list(track(range(9), 9, "reading")) == list(range(9))
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert 2 <= len(lines) <= 6
    assert all(
        re.fullmatch(r"reading \d/9 \(\d+ %\), [\d.]+ chips/s, (\d+:\d\d left|took \d+:\d\d)", one)
        for one in lines
    )
    assert lines[-1].startswith("reading 9/9 (100 %)")
    assert sum("9/9" in one for one in lines) == 1
    assert "\r" not in said.err
    assert "\x1b" not in said.err


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(3, "reading", quiet=True) as bar:
        bar.advance(3)
    assert capsys.readouterr() == ("", "")


def test_note_and_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="stop"), Progress(3, "reading") as bar:
        bar.advance()
        raise ValueError("stop")
    assert capsys.readouterr().err == ""


def test_bytes_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(5_000_000, "chips.zip", "bytes", already=4_000_000) as bar:
        bar.advance(1_000_000)
    assert capsys.readouterr().err.startswith("chips.zip 5.0 MB of 5.0 MB (100 %), ")


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], 0, "reading")) == []
    assert "reading 0/0" in capsys.readouterr().err


def test_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(4, "reading") as bar:
        bar.advance(4, "loss 0.5")
    said = capsys.readouterr().err
    assert "reading" in said
    assert "4/4" in said
    assert "loss 0.5" in said


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01"), (float("inf"), "?")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_430_000, "1.4 MB"),
        (2e9, "2.0 GB"),
        (3e15, "3000.0 TB"),
    ],
)
def test_byte_text(size: float, text: str) -> None:
    assert byte_text(size) == text
