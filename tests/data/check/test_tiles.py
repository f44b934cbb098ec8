"""Promise: every bad tile and every bad building is named with its reason, and counts are right."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.check.tile_facts import NO_HEIGHT
from crosswake.data.check.tile_statistics import describe_tiles
from crosswake.data.check.tiles import TileCheck, check_tiles, tiles_in_both
from crosswake.data.pixels import read_bands
from crosswake.data.sources.dfc23_tracks import read_tiles
from tests.data.making import write_image
from tests.data.tile_making import edit_json, make_tiles

pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
pytest.importorskip("shapely", reason="shapely is not installed")
BERLIN = "SV_Berlin_10.5_20.25"
RGB, SAR, DSM = (f"track2/train/{kind}/{BERLIN}.tif" for kind in ("rgb", "sar", "dsm"))
JSON = "track2/buildings_only_train.json"
Finding = tuple[str, str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faultless set of both tracks."""
    return make_tiles(tmp_path_factory.mktemp("made"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "dfc23"))


def check(root: Path, track: int = 2) -> TileCheck:
    """Check one track."""
    return check_tiles(read_tiles(root, track), quiet=True)


def found(root: Path, track: int = 2) -> list[Finding]:
    """Level, subject from the root on, and reason, of all but notes on published counts."""
    return [
        (one.level, one.subject.removeprefix(f"{root}/"), one.reason)
        for one in check(root, track).result.findings
        if "published" not in one.reason
    ]


@pytest.mark.parametrize("track", [1, 2])
def test_good_tiles_have_no_fault(made: Path, track: int) -> None:
    assert found(made, track) == []


def repaint(path: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Rewrite an image with other pixels."""

    def damage(root: Path) -> None:
        bands = read_bands(root / path)
        write_image(root / path, change(bands))

    return damage


def remove(path: str) -> Callable[[Path], None]:
    """Delete a file."""
    return lambda root: (root / path).unlink()


def cut(path: str) -> Callable[[Path], None]:
    """Leave nothing in a file."""

    def damage(root: Path) -> None:
        (root / path).write_bytes(b"")

    return damage


def with_value(value: float, rows: int = 8) -> Callable[[Any], Any]:
    """Set the first rows of ground."""

    def change(bands: Any) -> Any:
        bands[:, :rows, :8] = value
        return bands

    return change


IMAGES: list[tuple[Callable[[Path], None], str, str, str]] = [
    (cut(RGB), "error", RGB, "the file is empty; fetch it again"),
    (cut(DSM), "error", DSM, "the file is empty; fetch it again"),
    (remove(RGB), "error", f"train/{BERLIN}", "no RGB image"),
    (remove(SAR), "error", f"train/{BERLIN}", "no SAR image"),
    (remove(DSM), "error", f"train/{BERLIN}", "no height map"),
    (
        repaint(RGB, lambda bands: bands[:1]),
        "error",
        RGB,
        "RGB image of a wrong number of bands (1, not 3)",
    ),
    (
        repaint(RGB, lambda bands: bands.astype(np.uint16)),
        "error",
        RGB,
        "RGB image of another number type (uint16, not uint8)",
    ),
    (repaint(RGB, np.zeros_like), "error", RGB, "all black"),
    (
        repaint(SAR, lambda bands: bands.repeat(2, axis=0)),
        "error",
        SAR,
        "SAR image of a wrong number of bands (2, not 1)",
    ),
    (
        repaint(SAR, lambda bands: bands.clip(1, 255).astype(np.uint8)),
        "warning",
        SAR,
        "SAR image of another number type (uint8, not float32)",
    ),
    (
        repaint(SAR, lambda bands: bands[:, :60]),
        "error",
        SAR,
        "SAR image of another size (60 x 64, not 64 x 64 as the JSON says)",
    ),
    (
        repaint(DSM, lambda bands: bands.astype(np.int16)),
        "error",
        DSM,
        "heights in whole metres (int16, not float32)",
    ),
    (
        repaint(DSM, lambda bands: bands.astype(np.float64)),
        "warning",
        DSM,
        "height map of another number type (float64, not float32)",
    ),
    (
        repaint(DSM, with_value(float("nan"), 4)),
        "error",
        DSM,
        "heights that are not finite (0.78 % of the pixels)",
    ),
    (
        repaint(DSM, with_value(-2.5, 2)),
        "warning",
        DSM,
        "negative heights (0.39 % of the pixels, down to -2.5 m)",
    ),
    (
        repaint(RGB, with_value(0, 64)),
        "note",
        f"train/{BERLIN}",
        "black padding (12 % of the pixels)",
    ),
]


@pytest.mark.parametrize(("damage", "level", "subject", "reason"), IMAGES)
def test_bad_images_are_named(
    root: Path, damage: Callable[[Path], None], level: str, subject: str, reason: str
) -> None:
    damage(root)
    assert (level, subject, reason) in found(root)


SQUARE = [4.0, 24.0, 12.0, 24.0, 12.0, 34.0, 4.0, 34.0]
BUILDINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"segmentation": []}, "error", "outline is empty"),
    ({"segmentation": [[1, 2, 3, 4]]}, "error", "polygon of fewer than 3 points (2)"),
    (
        {"segmentation": {"size": [64, 64], "counts": "00"}},
        "error",
        "run-lengths that do not add up to the size (0, not 4,096)",
    ),
    (
        {"segmentation": {"size": [512, 512], "counts": [512 * 512]}},
        "error",
        "run-lengths of another size than the tile (512 x 512, not 64 x 64)",
    ),
    (
        {"segmentation": [[4, 4, 12, 12, 12, 4, 4, 12]], "bbox": [4, 4, 8, 8]},
        "warning",
        "polygon crosses itself (at 8.0 8.0)",
    ),
    (
        {"segmentation": [[70, 4, 80, 4, 80, 9]], "bbox": [70, 4, 10, 5]},
        "warning",
        "polygon off the tile",
    ),
    ({"bbox": [60, 2, 10, 17]}, "warning", "box reaches beyond the tile (by 6.0 pixels)"),
    ({"bbox": [24, 2, 0, 17]}, "warning", "box without extent (0 x 17)"),
    ({"bbox": [24, 2, 14, 25]}, "warning", "box that does not fit its outline (off by 8.0 pixels)"),
    ({"segmentation": [SQUARE], "bbox": [4, 24, 8, 10]}, "warning", NO_HEIGHT),
]


@pytest.mark.parametrize(("change", "level", "reason"), BUILDINGS)
def test_bad_buildings_are_named(
    root: Path, change: dict[str, Any], level: str, reason: str
) -> None:
    edit_json(root / JSON, lambda content: content["annotations"][0].update(change))
    assert (level, f"train/{BERLIN}, annotation 1", reason) in found(root)


def test_an_outline_given_twice_is_named(root: Path) -> None:
    def repeat(content: Any) -> None:
        content["annotations"].append(content["annotations"][1] | {"id": 99})

    edit_json(root / JSON, repeat)
    reason = "outline of another annotation again (that of 2)"
    assert found(root) == [("warning", f"train/{BERLIN}, annotation 99", reason)]


def test_what_the_reader_said_is_an_error(root: Path) -> None:
    edit_json(root / JSON, lambda content: content["annotations"][0].pop("area"))
    (root / "track2/train/rgb/notes.txt").touch()
    assert found(root) == [
        ("error", JSON, "annotation without area (annotation 1)"),
        ("warning", "track2/train/rgb/notes.txt", "not a GeoTIFF: ends in '.txt'"),
    ]


def test_training_without_references_is_an_error(root: Path) -> None:
    (root / JSON).unlink()
    reason = "no references; roof_fine_train.json or buildings_only_train.json is missing"
    assert ("error", "dfc23_track2, train", reason) in found(root)


@pytest.mark.parametrize(("split", "level"), [("train", "warning"), ("test", "error")])
def test_equal_tiles_are_named(root: Path, split: str, level: str) -> None:
    folder = root / ("track2_test_data" if split == "test" else "track2/train") / "rgb"
    copied = sorted(folder.iterdir())[-1]
    shutil.copy(root / RGB, copied)
    reason = f"same RGB pixels as another tile (train/{BERLIN})"
    assert found(root) == [(level, f"{split}/{copied.stem}", reason)]


def test_strict_stops_at_the_first(root: Path) -> None:
    (root / SAR).write_bytes(b"")
    with pytest.raises(CrosswakeError, match=r"the file is empty.*--strict stops"):
        check_tiles(read_tiles(root, 2), quiet=True, strict=True)


def test_counts_are_right(made: Path) -> None:
    counts = describe_tiles(check(made))
    train, val, _ = counts["splits"]
    assert (train["tiles"], train["annotated"], train["buildings"]) == (4, 4, 12)
    assert (train["height"], train["without_height"]) == (10.0, 0)
    assert (val["annotated"], val["built"], val["height"], val["ground"]) == (0, None, None, None)
    heights = [read_bands(path) for path in sorted((made / "track2/train/dsm").iterdir())]
    above = np.concatenate([one[one > 0] for one in heights])
    assert train["ground"] == pytest.approx(1 - above.size / (4 * 64 * 64))
    assert train["built"] == pytest.approx(above.size / (4 * 64 * 64))
    assert counts["pixels_by_height"] == {
        "0 to 3 m": 0,
        "3 to 6 m": int((above == 5).sum()),
        "6 to 10 m": 0,
        "10 to 20 m": int((above >= 10).sum()),
        "20 to 40 m": 0,
        "40 to 80 m": 0,
        "above 80 m": 0,
    }
    assert [row["name"] for row in counts["cities"]] == ["", "Berlin", "Rio"]
    roofs = describe_tiles(check(made, 1))["classes"]
    assert sum(row["buildings"] for row in roofs) == 12
    assert sum(row["share"] for row in roofs) == pytest.approx(1)
    assert all(row["height"] is None for row in roofs)


def test_footprints_without_height_are_counted_by_share_and_tile(root: Path) -> None:
    heights = read_bands(root / DSM)
    write_image(root / DSM, np.where(heights == 5, np.float32(0), heights))
    assert describe_tiles(check(root))["footprints_without_height"] == {
        "kind": NO_HEIGHT,
        "buildings": 1,
        "share": 1 / 12,
        "tiles": 1,
        "share_of_tiles": 1 / 4,
    }


def test_tiles_of_both_tracks_are_counted(made: Path) -> None:
    shared = tiles_in_both(check(made, 1), check(made, 2))
    assert shared == {"test and test": 2, "train and train": 4, "val and val": 2}
