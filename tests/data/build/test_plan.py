"""Promise: a plan comes from settings and sources that make sense, or is refused in one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.build.build import build_pairs
from crosswake.data.build.plan import plan_build
from crosswake.data.build.settings import BuildSettings
from tests.data.pair_making import write_scenes, write_sen12_pair

SETTINGS = BuildSettings(tile=16, crop_size=(40, 24))


def test_random_crops_follow_from_the_seed(tmp_path: Path) -> None:
    roots = [("scenes", write_scenes(tmp_path / "coast"))]
    settings = BuildSettings(crops="random", crop_size=(32, 32), per_scene=5)
    jobs = [plan_build(roots, replace(settings, seed=seed)).jobs for seed in (0, 0, 1)]
    assert jobs[0] == jobs[1] != jobs[2]
    assert [len(job.boxes) for job in jobs[0]] == [5, 5, 5]
    assert len({job.boxes for job in jobs[0]}) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"tile": 4}, "--tile: 16 pixels"),
        ({"crop_size": (64, 0)}, "--crop_size: 16 pixels"),
        ({"stride": (0, 5)}, "--stride: one pixel"),
        ({"stride": (5, 5), "crops": "random"}, "--stride: random crops have none"),
        ({"per_scene": 5}, "--per_scene: a grid"),
        ({"per_scene": 0, "crops": "random"}, "--per_scene: one crop"),
        ({"seed": -1}, "--seed is -1"),
        ({"max_offset": -1.0}, "--max_offset is -1"),
        ({"max_offset": float("nan")}, "--max_offset is nan"),
        ({"drop_misregistered": True}, "--drop_misregistered: needs --max_offset"),
    ],
)
def test_settings_that_make_no_sense(words: dict[str, Any], message: str) -> None:
    with pytest.raises(CrosswakeError, match=message):
        BuildSettings(**words)


def test_sources_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="name a source"):
        plan_build([], SETTINGS)
    root = write_scenes(tmp_path / "s")
    with pytest.raises(CrosswakeError, match="named twice"):
        plan_build([("scenes", root), ("scenes", tmp_path / "s/../s")], SETTINGS)
    with pytest.raises(
        CrosswakeError, match=r"none of the sources' pairs.*001.png: smaller \(96 x 96\) than"
    ):
        plan_build([("scenes", root)], BuildSettings(crop_size=(128, 64)))
    with pytest.raises(CrosswakeError, match="--workers is -1"):
        build_pairs(tmp_path / "out", plan_build([("scenes", root)], SETTINGS), workers=-1)


def test_ids_of_several_folders_of_one_kind(tmp_path: Path) -> None:
    for name, patch in (("a", 1), ("b", 2)):
        write_sen12_pair(tmp_path / name / "ROIs1970_fall", "ROIs1970_fall", 5, patch, "_5")
    roots = [("sen12", tmp_path / "a"), ("sen12", tmp_path / "b")]
    built = build_pairs(tmp_path / "out", plan_build(roots, BuildSettings()), quiet=True)
    found = [(item.id, job.pair.id) for item, job in built.kept]
    assert found == [(1, "fall_5_p1"), (2, "fall_5_p2")]
