"""Promise: a damaged submission is checked to its end, or refused in one line."""

import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from crosswake.buildings.results import TileResult
from crosswake.buildings.submission import examine, write_submission
from crosswake.core.errors import CrosswakeError
from tests.buildings.cases import random_tiles
from tests.fuzz.harness import Bounds, damaged, fuzz

pytest.importorskip("pycocotools.mask")

SUBMISSIONS = Bounds(small=200, full=2_000, seconds=20, mebibytes=1024)
NAMES = ("results.json", "seg_results.json", "height/P_0001.tif", "height/\u202e.tif", "a/b", "..")
FAULTY = 1000
"""Characters that a line may have at most."""


def known_tiles() -> list[TileResult]:
    _, predictions = random_tiles(0, tiles=3, side=64, classes=1)
    return [replace(one, stem=f"P_{one.image_id:04}", city="") for one in predictions]


def repacked(content: bytes, folder: Path, rng: random.Random) -> bytes:
    """An archive of which one file is damaged, renamed or left out."""
    (folder / "good.zip").write_bytes(content)
    with zipfile.ZipFile(folder / "good.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([*files, "seg_results.json"])
    old = files.pop(name)
    kind = rng.choice(("damage", "damage", "rename", "leave out"))
    if kind == "damage":
        files[name] = damaged(old, rng)
    elif kind == "rename":
        files[rng.choice(NAMES)] = old
    with zipfile.ZipFile(folder / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return (folder / "bad.zip").read_bytes()


def test_submissions(tmp_path: Path) -> None:
    known = known_tiles()
    good = tmp_path / "good.zip"
    write_submission(good, 2, known)
    content = good.read_bytes()

    def attempt(rng: random.Random, folder: Path) -> None:
        outside = rng.random() < 0.4
        bad = damaged(content, rng) if outside else repacked(content, folder, rng)
        path = folder / rng.choice(("s.zip", "s.zip", "s", "s.zip.zip"))
        path.write_bytes(bad)
        found = examine(path, rng.choice((None, None, 2)), known, keep=True, quiet=True)
        lines = found.lines()
        assert not [line for line in lines if "\n" in line or len(line) > FAULTY]
        if found.faults:
            raise CrosswakeError(lines[1])

    tally = fuzz("submissions", attempt, tmp_path, SUBMISSIONS)
    if len(SUBMISSIONS.cases()) > 1:
        assert tally["refused"]
        assert tally["succeeded"]
