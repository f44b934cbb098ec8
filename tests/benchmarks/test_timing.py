"""Promise: ways are run in turn, and what is reported follows from what was measured."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.machine import describe_machine, measure_limits
from benchmarks.record import OURS, Bench, lines_of, record_of, write_bench
from benchmarks.timing import Timing, interleave, ratio, reset_peak
from crosswake.core.errors import CrosswakeError

ROOT = Path(__file__).resolve().parents[2]


def timing(*seconds: float) -> Timing:
    return Timing(seconds=seconds, peak_bytes=None, result=None)


def made_bench(scaling: bool = True) -> Bench:
    return Bench(
        name="trial",
        measured_on="nothing",
        settings={"queries": 1},
        machine={"processor": "abacus", "cores": 1, "threads": 1, "device": "cpu"},
        limits={"flops": 100.0, "bytes": 50.0},
        timings={OURS: timing(1.0, 2.0, 1.0), "plain": timing(10.0, 10.0, 20.0)},
        flops=40.0,
        bytes=5.0,
        agreement={"mAP": 1e-9},
        scaling_over="gallery chips",
        scaling={OURS: {1: 0.5, 2: 1.0}, "plain": {1: 5.0, 2: 10.0}} if scaling else {},
    )


def test_ways_take_turns_forwards_and_backwards() -> None:
    order: list[str] = []

    def way(name: str) -> Callable[[], int]:
        def run() -> int:
            order.append(name)
            return len(order)

        return run

    ways = {name: way(name) for name in "abc"}
    found = interleave(ways, repeats=3)
    assert "".join(order) == "abccbaabc"
    assert [len(found[name].seconds) for name in "abc"] == [3, 3, 3]
    assert [found[name].result for name in "abc"] == [7, 8, 9]


MEMORY = """
import numpy as np
from benchmarks.timing import interleave
ways = {"much": lambda: float(np.ones(2**25).sum()), "little": lambda: 1}
found = interleave(ways, repeats=1)
print(found["much"].peak_bytes, found["little"].peak_bytes)
"""


def test_memory_above_start_is_seen() -> None:
    """In a process of its own: from one that holds much, the system may take memory meanwhile."""
    if reset_peak() is None:
        pytest.skip("this system does not tell a process's peak memory")
    run = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, cwd=ROOT
    )
    much, little = map(int, run.stdout.split())
    assert much > 0.9 * 2**28
    assert little < 2**26


def test_ratio_is_taken_repeat_by_repeat() -> None:
    found = ratio(timing(10.0, 10.0, 20.0), timing(1.0, 2.0, 1.0))
    assert (found.median, found.low, found.high) == (10, 5, 20)


def test_shares_are_of_the_measured_limits() -> None:
    assert made_bench().shares == {"matrix_rate": 0.4, "copy_rate": 0.1}


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    bench = made_bench()
    paths = write_bench(tmp_path, bench)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bench-trial.json",
        "bench-trial.png",
    ]
    record = json.loads(paths[0].read_text())
    assert record == json.loads(json.dumps(record_of(bench)))
    assert record["times_longer_than_crosswake"]["plain"] == {"median": 10, "low": 5, "high": 20}
    assert record["scaling"]["seconds"]["plain"] == {"1": 5, "2": 10}
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert write_bench(tmp_path / ".", made_bench(scaling=False)) == [tmp_path / "bench-trial.json"]


def test_lines_name_data_machine_and_ratio() -> None:
    said = "\n".join(lines_of(made_bench()))
    for text in (
        "Measured on nothing",
        "abacus, 1 cores",
        "10.0 (5.0 to 20.0)",
        "40 %",
        "10 %",
        "mAP: 1e-09",
    ):
        assert text in said


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CrosswakeError, match="cannot be written"):
        write_bench(tmp_path / "taken", made_bench())


def test_limits_and_machine_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import machine

    monkeypatch.setattr(machine, "MATRIX_SIDE", 64)
    monkeypatch.setattr(machine, "COPY_BYTES", 4096)
    monkeypatch.setattr(machine, "TRIALS", 1)
    assert all(rate > 0 for rate in measure_limits().values())
    assert {"processor", "cores", "threads", "torch", "numpy"} <= set(describe_machine())
