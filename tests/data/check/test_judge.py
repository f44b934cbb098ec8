"""Promise: the commands that work on chips say what ``data check`` says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.check.chips import check_chips, has_answers, judge_chips, unmatched
from crosswake.data.check.facts import facts_of
from crosswake.data.check.findings import summary_lines
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pixels import read_chip
from crosswake.data.reid import UNKNOWN, ReidData
from crosswake.data.sources.open import open_reid
from tests.data.making import optical, sar, write_hoss, write_image


def decoded(data: ReidData) -> dict:  # type: ignore[type-arg]
    facts = {}
    for chip in data.all_chips():
        try:
            facts[chip] = facts_of(chip, read_chip(chip)[0])
        except UnreadableChipError:
            continue
    return facts


def test_both_say_the_same(tmp_path: Path) -> None:
    root = write_hoss(tmp_path)
    write_image(root / "query/0011_s02c3_RGB.tif", optical() * 0)
    write_image(root / "bounding_box_train/0001_s01c2_SAR.tif", sar(height=7))
    write_image(root / "bounding_box_test/0011_s01c2_SAR.tif", np.full((1, 30, 12), np.inf))
    write_image(root / "bounding_box_test/0001_s09c1_RGB.tif", optical(77))
    write_image(root / "query/0011_s07c1_RGB.tif", optical(77))
    data = open_reid(root)
    mine = judge_chips(data, decoded(data))
    assert set(mine) == set(check_chips(data, quiet=True).findings)
    assert len([one for one in mine if one.level == "error"]) == 3
    with pytest.raises(CrosswakeError, match="--strict"):
        judge_chips(data, decoded(data), strict=True)


def test_swapped_modalities_are_one_finding(tmp_path: Path) -> None:
    root = write_hoss(tmp_path)
    for path in root.rglob("*_RGB.tif"):
        write_image(path, sar(sum(path.name.encode())))
    for path in root.rglob("*_SAR.tif"):
        write_image(path, optical(sum(path.name.encode())))
    data = open_reid(root)
    lines = summary_lines(judge_chips(data, decoded(data)))
    assert sum("optical and SAR look swapped" in line for line in lines) == 1
    assert any("is it SAR?" in line for line in lines)


def test_unknown_ships_match_nothing_and_a_query_not_itself(tmp_path: Path) -> None:
    data = open_reid(write_hoss(tmp_path))
    unknown = tuple(replace(chip, identity=UNKNOWN) for chip in data.gallery)
    assert not has_answers(replace(data, gallery=unknown))
    one = data.query[:1]
    assert unmatched(replace(data, query=one, gallery=one), "all") == one
    assert unmatched(replace(data, query=one, gallery=(*one, *data.gallery)), "all") == ()
    notes = [f.reason for f in judge_chips(replace(data, gallery=(*one, *unknown)), {})]
    assert "4 chips of unknown ships: distractors, which no query matches" in notes
    assert "1 chip in the gallery too; none is an answer to itself" in notes


def test_lines_count_kinds(tmp_path: Path) -> None:
    root = write_hoss(tmp_path)
    for name in ("0001_s01c1_RGB", "0002_s01c1_RGB"):
        write_image(root / f"bounding_box_train/{name}.tif", optical() * 0)
    data = open_reid(root)
    (line,) = summary_lines(judge_chips(data, decoded(data)))
    assert line.startswith("2 x all black; the first: ") and line.endswith("_RGB.tif: all black")
