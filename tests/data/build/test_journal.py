"""Promise: a build trusts neither its journal nor the files that it finds: what leads outside is
refused, what is cut is made again."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.data.build.build import build_pairs, write_manifest
from crosswake.data.build.journal import note, read_journal
from crosswake.data.build.plan import BuildPlan, plan_build
from crosswake.data.build.settings import BuildSettings
from crosswake.data.build.work import BuiltItem, JobOutcome, image_stem
from crosswake.data.pixels import holds_pixels, write_raster
from tests.data.pair_making import optical, sar32, write_dfc23

OTHERS = [
    "../precious.tif",
    "/etc/precious.tif",
    "OptiSar_Pair/../../precious.tif",
    "C:\\a.tif",
    "OptiSar_Pair/dfc23_000/mine.tif",
    "OptiSar_Pair/dfc23_000/DFC_2_RGB.tif/../mine.tif",
    "manifest.parquet",
]


@pytest.fixture
def plan(tmp_path: Path) -> BuildPlan:
    return plan_build([("dfc23", write_dfc23(tmp_path / "dfc23"))], BuildSettings(tile=16))


def images(out: Path) -> dict[str, bytes]:
    """Every image of a build."""
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*.tif"))}


reasons = st.text(st.characters(codec="ascii"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 7), reasons, st.integers(0, 2**40)), max_size=8),
    cut=st.integers(0, 30),
)
def test_round_trip(
    tmp_path: Path, plan: BuildPlan, rows: list[tuple[int, str, int]], cut: int
) -> None:
    outcomes = []
    for job, reason, size in rows:
        number = plan.jobs[job].first_id
        rgb = f"{image_stem(plan.jobs[job], number)}_RGB.tif"
        item = BuiltItem(id=number, rgb=rgb, rgb_bytes=size, reason=reason, confidence=size / 7)
        outcomes.append(JobOutcome(job=job, items=(item,)))
    path = tmp_path / "journal.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for outcome in outcomes:
            note(file, outcome)
    assert read_journal(tmp_path, plan) == {outcome.job: outcome for outcome in outcomes}
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    whole = path.read_bytes().count(b"\n")
    assert read_journal(tmp_path, plan) == {one.job: one for one in outcomes[:whole]}
    assert path.read_bytes() == b"".join(content.splitlines(True)[:whole])


@pytest.mark.parametrize("field", ["rgb", "sar"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_name_that_the_plan_does_not_have_is_refused(
    tmp_path: Path, plan: BuildPlan, name: str, field: str
) -> None:
    out = tmp_path / "out"
    build_pairs(out, plan, quiet=True)
    (tmp_path / "precious.tif").touch()
    (out / "OptiSar_Pair/dfc23_000/mine.tif").touch()
    write_manifest(out, build_pairs(out, plan, quiet=True))
    journal = out / "journal.jsonl"
    first, *rest = journal.read_text().splitlines(True)
    row = json.loads(first)
    row["items"][0] |= {field: name, "reason": "same pixels as pair 1"}
    journal.write_text(json.dumps(row) + "\n" + "".join(rest))
    with pytest.raises(CrosswakeError, match=r"journal.jsonl: names .*no image of this plan; name"):
        build_pairs(out, plan, quiet=True)
    assert (tmp_path / "precious.tif").exists()
    assert (out / "OptiSar_Pair/dfc23_000/mine.tif").exists()
    assert (out / "manifest.parquet").exists()


@pytest.mark.parametrize("name", ["journal.jsonl", "plan.json"])
def test_a_folder_of_others_is_left_alone(tmp_path: Path, plan: BuildPlan, name: str) -> None:
    """Folders are passed from hand to hand, and plan.json is a usual name."""
    out, mine = tmp_path / "out", tmp_path / "thesis.txt"
    mine.write_text('{"chapters": 5}\n')
    build_pairs(out, plan, quiet=True)
    (out / name).unlink()
    (out / name).symlink_to(mine)
    with pytest.raises(CrosswakeError, match=f"{name}: is "):
        build_pairs(out, plan, quiet=True)
    assert mine.read_text() == '{"chapters": 5}\n'


@pytest.mark.parametrize(
    "change",
    [
        {"job": -1},
        {"job": 10**6},
        {"items": [{"id": 10**6}]},
        {"items": [{"id": 1, "rgb": 5}]},
        {"items": [{"id": 1, "height": 1 << 40}]},
        {"items": [{"id": 1, "hash": "\ud800"}]},
        {"items": [{"id": 1, "confidence": "high"}]},
        {"items": [{"id": 1, "width": None}]},
        {"items": 3},
        {"bad_path": ["a"]},
        {"unknown": 1},
    ],
)
def test_a_line_that_fits_no_job_is_done_again(
    tmp_path: Path, plan: BuildPlan, change: dict[str, Any]
) -> None:
    row = asdict(JobOutcome(job=0, items=(BuiltItem(id=1),))) | change
    (tmp_path / "journal.jsonl").write_text(json.dumps(row) + "\n")
    assert read_journal(tmp_path, plan) == {}
    assert (tmp_path / "journal.jsonl").read_bytes() == b""


@pytest.mark.parametrize("left", [0, 100])
def test_a_cut_file_is_made_again(tmp_path: Path, plan: BuildPlan, left: int) -> None:
    out = tmp_path / "out"
    write_manifest(out, build_pairs(out, plan, quiet=True))
    before = images(out)
    victim = next(out.rglob("*_SAR.tif"))
    victim.write_bytes(victim.read_bytes()[:left])
    build_pairs(out, plan, quiet=True)
    assert images(out) == before


def test_a_raster_holds_what_was_written(tmp_path: Path) -> None:
    for bands in (optical(1), sar32(1), np.full((1, 4, 4), np.nan, np.float32)):
        write_raster(tmp_path / "a.tif", bands)
        assert holds_pixels(tmp_path / "a.tif", bands)
        assert not holds_pixels(tmp_path / "a.tif", bands + 1) or np.isnan(bands).all()
    assert not holds_pixels(tmp_path / "none.tif", optical(1))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from crosswake.core.errors import CrosswakeError
from crosswake.data.build.work import write_image

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
bands = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
for name in ("a.tif", "a.png"):
    try:
        write_image(Path(sys.argv[1]) / name, bands)
        sys.exit(f"{name} counts as written")
    except CrosswakeError as error:
        if "is the disk full?" not in str(error) or "\\n" in str(error):
            sys.exit(f"unclear: {error}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_on_a_full_disk_no_image_gets_its_name(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
