"""Promise: whatever breaks or fools the official scorer is named, and what is written has no
fault."""

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crosswake.buildings.measure import ScoreOptions, measure_tiles
from crosswake.buildings.results import TileResult
from crosswake.buildings.submission import (
    SubmissionCheck,
    check_submission,
    examine,
    read_submission,
    write_submission,
)
from crosswake.core.errors import CrosswakeError
from crosswake.data.masks import counts_text
from crosswake.data.pixels import write_raster
from tests.buildings.cases import random_tiles

pytest.importorskip("pycocotools.mask")

SIDE = 64
Maps = dict[str, NDArray[Any]]


@dataclass
class Parts:
    """A submission before it is packed; ``twice`` are names to pack twice."""

    entries: Any
    maps: Maps
    files: dict[str, bytes] = field(default_factory=dict)
    results: str = "seg_results.json"
    twice: tuple[str, ...] = ()

    def pack(self, path: Path) -> Path:
        """Write the archive."""
        content = {self.results: json.dumps(self.entries).encode()} | self.files
        for name, metres in self.maps.items():
            file = path.with_suffix(".tif")
            write_raster(file, metres if metres.ndim == 3 else metres[None])
            content[name] = file.read_bytes()
        with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
            for name, data in content.items():
                archive.writestr(name, data)
            for name in self.twice:
                archive.writestr(name, content[name])
        return path


@pytest.fixture
def known() -> list[TileResult]:
    _, predictions = random_tiles(0, tiles=3, side=SIDE, classes=1)
    return [replace(one, stem=f"P_{one.image_id:04}", city="") for one in predictions]


@pytest.fixture
def parts(known: list[TileResult], tmp_path: Path) -> Parts:
    """A good submission of track 2."""
    good = tmp_path / "good.zip"
    write_submission(good, 2, known)
    with zipfile.ZipFile(good) as archive:
        entries = json.loads(archive.read("seg_results.json"))
    return Parts(entries, {f"height/{one.stem}.tif": np.array(one.height) for one in known})


def looked_at(parts: Parts, known: list[TileResult], folder: Path) -> SubmissionCheck:
    return examine(parts.pack(folder / "s.zip"), None, known, keep=False, quiet=True)


def test_what_is_written_has_no_fault_and_reads_back(
    known: list[TileResult], tmp_path: Path
) -> None:
    path = tmp_path / "good.zip"
    write_submission(path, 2, known)
    found = read_submission(path, known)
    assert (found.faults, found.track, found.heights) == ((), 2, 3)
    for one, other in zip(found.results, known, strict=True):
        assert [i.counts for i in one.instances] == [i.counts for i in other.instances]
        np.testing.assert_array_equal(one.height, other.height)
    first = path.read_bytes()
    write_submission(path, 2, known)
    assert path.read_bytes() == first


Change = Callable[[Parts], object]


def entry(**values: Any) -> Change:
    """Replace values of the first building."""
    return lambda parts: parts.entries[0].update(values)


def without(name: str) -> Change:
    return lambda parts: parts.entries[0].pop(name)


def mask(**values: Any) -> Change:
    return lambda parts: parts.entries[0]["segmentation"].update(values)


def first_map(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Change:
    """Replace the first height map."""

    def apply(parts: Parts) -> None:
        parts.maps["height/P_0000.tif"] = change(parts.maps["height/P_0000.tif"])

    return apply


def with_value(value: float) -> Change:
    def change(metres: NDArray[Any]) -> NDArray[Any]:
        metres[3, 4] = value
        return metres

    return first_map(change)


def moved(old: str, new: str) -> Change:
    return lambda parts: parts.maps.update({new: parts.maps.pop(old)})


def nested(parts: Parts) -> None:
    parts.results = f"mine/{parts.results}"
    parts.maps = {f"mine/{name}": one for name, one in parts.maps.items()}


P0 = "height/P_0000.tif"
FAULTS: dict[str, tuple[Change, str]] = {
    "polygons": (entry(segmentation=[[0, 0, 9, 0, 9, 9]]), "polygons, at which the scorer breaks"),
    "uncompressed": (mask(counts=[5, 4091]), "uncompressed counts, at which the scorer breaks"),
    "cut counts": (mask(counts="o"), "compressed run-lengths are cut off"),
    "bad character": (mask(counts="\x00~"), "a character that has no meaning"),
    "wrong sum": (mask(counts="1"), "do not add up to the size"),
    "counts of no kind": (mask(counts=5), "neither numbers nor text"),
    "mask size": (mask(size=[512, 512]), "another size than the tile (512 x 512, not 64 x 64)"),
    "mask size of no number": (mask(size=[64.0, 64.0]), "no pair of whole numbers"),
    "no mask": (entry(segmentation=None), "neither polygons nor run-lengths"),
    "unknown id": (entry(image_id=99), "an image id that no tile has"),
    "id as text": (entry(image_id="0"), "an image_id that is no number"),
    "class": (entry(category_id=2), "a category_id outside of 1 to 1 (2)"),
    "class as text": (entry(category_id="roof"), "a category_id outside of 1 to 1 (roof)"),
    "score": (entry(score=1.5), "a score outside of 0 to 1 (1.5)"),
    "score NaN": (entry(score=float("nan")), "a score that is not finite (nan)"),
    "score huge": (entry(score=10**400), "a score that is not finite"),
    "score as text": (entry(score="0.5"), "a score that is no number (0.5)"),
    "box": (entry(bbox=[1, 2, 3]), "a bbox that is not x, y, width and height"),
    "box NaN": (entry(bbox=[1, 2, 3, float("nan")]), "a bbox with values that are no finite"),
    "box negative": (entry(bbox=[1, 2, -3, 4]), "a bbox of negative width or height"),
    "no score": (without("score"), "without score; every entry needs it"),
    "no box": (without("bbox"), "without bbox; every entry needs it"),
    "no record": (lambda p: p.entries.insert(0, 7), "is no record; write one a building"),
    "empty": (lambda p: p.entries.clear(), "an empty list; the scorer breaks at one"),
    "no list": (lambda p: setattr(p, "entries", {}), "no list of buildings"),
    "many": (lambda p: p.entries.extend(p.entries[:1] * 1001), "more than 1,000 buildings"),
    "nested": (nested, "lies in a folder; the scorer looks for seg_results.json at the root"),
    "missing": (lambda p: p.maps.pop(P0), "without height map; the published scorer does not"),
    "no maps": (lambda p: p.maps.clear(), "no height maps; put them there"),
    "elsewhere": (moved(P0, "P_0000.tif"), "a height map outside of height/"),
    "wrong name": (moved(P0, "height/tile.tif"), "a name that no tile has"),
    "no tif": (lambda p: p.files.update({"height/a.txt": b""}), "is no .tif; the scorer reads"),
    "both": (lambda p: p.files.update({"a/results.json": b"[]"}), "a second file of buildings"),
    "twice": (lambda p: setattr(p, "twice", (P0,)), "is in the archive twice; pack it once"),
    "map size": (first_map(lambda m: m[:32]), "another size than the tile (32 x 64, not 64 x 64)"),
    "bands": (first_map(lambda m: np.stack([m, m])), "not one band (2)"),
    "integers": (first_map(lambda m: m.astype(np.uint8)), "whole numbers (uint8)"),
    "NaN": (with_value(float("nan")), "heights that are not finite (0.024 % of pixels)"),
    "infinite": (with_value(float("inf")), "heights that are not finite"),
    "negative": (with_value(-1), "negative heights (0.024 % of pixels)"),
    "no image": (lambda p: p.files.update({P0: b"II*\0"}) or p.maps.pop(P0), "damaged"),
}
DOUBTS: dict[str, tuple[Change, str]] = {
    "ground": (first_map(lambda m: m + 0.01), "ground that is not exactly 0"),
    "doubled": (lambda p: p.entries.append(p.entries[0]), "the same building twice (1)"),
    "empty mask": (mask(counts=counts_text([SIDE * SIDE])), "covers no pixel"),
    "box off": (entry(bbox=[60, 60, 30, 30]), "bbox reaches beyond the tile"),
    "readme": (lambda p: p.files.update({"README.md": b"x"}), "not part of a submission"),
    "float64": (first_map(lambda m: m.astype(np.float64)), "not float32 (float64)"),
    "bare tile": (
        lambda p: setattr(p, "entries", [e for e in p.entries if e["image_id"]]),
        "no building on 1 of 3 tiles",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named(
    name: str, parts: Parts, known: list[TileResult], tmp_path: Path
) -> None:
    change, message = FAULTS[name]
    change(parts)
    found = looked_at(parts, known, tmp_path)
    assert any(message in line for line in found.lines() if line.startswith("fault: ")), (
        found.lines()
    )


@pytest.mark.parametrize("name", DOUBTS)
def test_each_doubt_is_named(
    name: str, parts: Parts, known: list[TileResult], tmp_path: Path
) -> None:
    change, message = DOUBTS[name]
    change(parts)
    found = looked_at(parts, known, tmp_path)
    assert any(message in one.reason for one in found.warnings), found.lines()
    assert not found.faults, found.lines()


def test_a_kind_of_fault_is_one_line(parts: Parts, known: list[TileResult], tmp_path: Path) -> None:
    for one in parts.entries:
        one["segmentation"] = [[0, 0, 9, 0, 9, 9]]
    lines = looked_at(parts, known, tmp_path).lines()
    assert [line for line in lines if line.startswith("fault: ")] == [
        f"fault: {len(parts.entries)} x polygons, at which the scorer breaks; the first: entry 0 "
        f"(image {parts.entries[0]['image_id']}): polygons, at which the scorer breaks; write "
        "compressed run-lengths"
    ]


def test_without_tiles_what_cannot_be_judged_is_said(parts: Parts, tmp_path: Path) -> None:
    lines = check_submission(parts.pack(tmp_path / "s.zip")).lines()
    assert lines[1].startswith("note: image ids and missing tiles were not looked for")


def refused(path: Path, message: str) -> None:
    with pytest.raises(CrosswakeError, match=message) as caught:
        check_submission(path)
    assert "\n" not in str(caught.value)


def test_archives_that_are_none_are_refused(parts: Parts, tmp_path: Path) -> None:
    refused(tmp_path, "a folder; name the zip archive")
    refused(tmp_path / "no.zip", "no such file")
    other = tmp_path / "other.zip"
    other.write_text("text")
    refused(other, "a zip archive that cannot be read")
    parts.files, parts.results = {}, "predictions.json"
    refused(parts.pack(tmp_path / "s.zip"), "no results.json or seg_results.json at its root")


@pytest.mark.parametrize("name", ["../up.json", "/etc/x", "height/../../x.tif"])
def test_names_that_lead_elsewhere_are_refused(parts: Parts, tmp_path: Path, name: str) -> None:
    parts.files[name] = b""
    refused(parts.pack(tmp_path / "s.zip"), "holds the unsafe name")


def test_bombs_are_refused(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parts.pack(tmp_path / "s.zip")
    monkeypatch.setattr("crosswake.buildings.submission.MOST_JSON", 100)
    refused(path, "unpacks to more than 100 bytes")
    monkeypatch.setattr("crosswake.buildings.submission_archive.MOST_ALL", 1000)
    refused(path, "more than 1.0 kB; this is no submission")


@pytest.mark.parametrize("content", [b"[", b"\xff", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("results.json", content)
    refused(tmp_path / "s.zip", "is no JSON")


def test_scoring_refuses_what_breaks_and_takes_what_is_lost(
    parts: Parts, known: list[TileResult], tmp_path: Path
) -> None:
    with_value(-1)(parts)
    del parts.maps["height/P_0001.tif"]
    found = read_submission(parts.pack(tmp_path / "s.zip"), known)
    assert {one.kind for one in found.faults} == {"negative heights", "without height map"}
    scores = measure_tiles(known, found.results, 2, ScoreOptions(draws=0))
    assert scores.missing == ("P_0001",)
    entry(image_id=99)(parts)
    with pytest.raises(CrosswakeError, match=r"entry 0 \(image 99\): an image id"):
        read_submission(parts.pack(tmp_path / "s.zip"), known)


def test_a_submission_with_a_fault_is_not_written(known: list[TileResult], tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    write_submission(path, 2, known)
    before = path.read_bytes()
    height = np.array(known[0].height)
    height[0, 0] = -3
    with pytest.raises(CrosswakeError, match="not written, it would have a fault: height/P_0000"):
        write_submission(path, 2, [replace(known[0], height=height), *known[1:]])
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["s.zip"]


def test_track_1_needs_no_heights(known: list[TileResult], tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    write_submission(path, 1, known)
    assert zipfile.ZipFile(path).namelist() == ["results.json"]
    shutil.copy(path, tmp_path / "again.zip")
    with pytest.raises(CrosswakeError, match=r"no seg_results\.json at its root"):
        check_submission(tmp_path / "again.zip", track=2)


def test_names_that_no_archive_may_hold_are_said(tmp_path: Path, known: list[TileResult]) -> None:
    path = tmp_path / "s.zip"
    named = [replace(known[0], stem="a\x1b[31mb"), *known[1:]]
    with pytest.raises(CrosswakeError, match=r"s\.zip: not written, .*unsafe name.*; rename the"):
        write_submission(path, 2, named)
    assert not path.exists()
