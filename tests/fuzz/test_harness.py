"""Promise: the fuzz harness notices a crash, a hang, too much memory and an unhelpful message."""

import contextlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from tests.fuzz.harness import Bounds, damaged, fuzz

BOUNDS = Bounds(small=1, full=1, seconds=0.5, mebibytes=256)
bounded = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process")


def crash(rng: random.Random, folder: Path) -> None:
    raise KeyError(f"{folder.name} {rng.random()}")


def wait(rng: random.Random, folder: Path) -> None:
    with contextlib.suppress(Exception):  # as a careless product would
        time.sleep(5)


def grow(rng: random.Random, folder: Path) -> None:
    np.ones(1 << 28)


def refuse_in_two_lines(rng: random.Random, folder: Path) -> None:
    raise CrosswakeError(f"{folder}: wrong\n{rng}")


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (crash, "KeyError"),
        pytest.param(wait, "took too long", marks=bounded),
        pytest.param(grow, "MemoryError", marks=bounded),
        (refuse_in_two_lines, "more than one line"),
    ],
)
def test_what_must_not_be_is_noticed(
    tmp_path: Path, attempt: Callable[[random.Random, Path], None], said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        fuzz("wrong", attempt, tmp_path, BOUNDS)
    assert not list(tmp_path.iterdir())


def test_success_and_refusal_are_counted(tmp_path: Path) -> None:
    def attempt(rng: random.Random, folder: Path) -> None:
        (folder / "input").write_bytes(damaged(b"some content", rng))
        if rng.random() < 0.5:
            raise CrosswakeError("a file: is wrong; mend it")

    tally = fuzz("both", attempt, tmp_path, Bounds(small=40, full=40))
    assert tally["succeeded"] + tally["refused"] == 40
    assert min(tally.values()) > 5


def test_damage_is_repeatable_and_is_damage() -> None:
    content = bytes(range(256))
    made = [damaged(content, random.Random(seed)) for seed in range(200)]
    assert made == [damaged(content, random.Random(seed)) for seed in range(200)]
    assert sum(one != content for one in made) > 180
