"""Promise: whatever is wrong with a data set is found, once, under the right file; nothing else
is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.data.check.chips import check_chips, require_answers
from crosswake.data.check.findings import CheckResult, reason_counts
from crosswake.data.check.statistics import protocol_statistics, split_statistics
from crosswake.data.sources.open import open_reid
from tests.data.making import optical, sar, write_hoss, write_image
from tests.golden import real_data

OPTICAL = "bounding_box_train/0001_s01c1_RGB.tif"
SAR = "bounding_box_train/0001_s01c2_SAR.tif"


def check(root: Path, strict: bool = False) -> CheckResult:
    return check_chips(open_reid(root), quiet=True, strict=strict)


def test_faultless_data(tmp_path: Path) -> None:
    result = check(write_hoss(tmp_path))
    assert result.findings == ()
    assert len(result.facts) == 12


def with_value(bands: NDArray[np.float32], value: float) -> NDArray[np.float32]:
    changed = bands.copy()
    changed[..., 3, 3] = value
    return changed


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


Make = Callable[[Path], object]
FAULTS: list[tuple[str, Make, str, str]] = [
    (OPTICAL, lambda path: path.write_bytes(b""), "error", "the file is empty"),
    (OPTICAL, lambda path: path.write_bytes(b"junk"), "error", "not a TIFF, PNG, JPEG, BMP"),
    (OPTICAL, cut, "error", "truncated or damaged"),
    (SAR, cut, "error", "truncated or damaged"),
    (OPTICAL, lambda path: write_image(path, optical() * 0), "error", "all black"),
    (SAR, lambda path: write_image(path, sar() * 0), "error", "all black"),
    (OPTICAL, lambda path: write_image(path, optical() * 0 + 9), "error", "constant"),
    (SAR, lambda path: write_image(path, sar() * 0 + 9), "error", "constant"),
    (
        SAR,
        lambda path: write_image(path, with_value(sar(), np.nan)),
        "note",
        "not finite (0.2 % of pixels)",
    ),
    (SAR, lambda path: write_image(path, with_value(sar(), np.inf)), "error", "not finite"),
    (
        SAR,
        lambda path: write_image(path, with_value(sar(), -2.5)),
        "warning",
        "negative SAR values (down to -2.5)",
    ),
    (
        OPTICAL,
        lambda path: write_image(path, optical()[:1]),
        "error",
        "optical chip with 1 band, 3 expected; is it SAR",
    ),
    (OPTICAL, lambda path: write_image(path, optical()[:2]), "error", "has 2 bands"),
    (
        SAR,
        lambda path: write_image(path, optical()),
        "error",
        "colour picture; is it optical",
    ),
    (
        SAR,
        lambda path: write_image(path, with_value(sar(), np.nan) * np.inf),
        "error",
        "not finite",
    ),
    (
        OPTICAL,
        lambda path: write_image(path, optical().astype(np.uint16)),
        "note",
        "optical chip of type uint16",
    ),
    (
        OPTICAL,
        lambda path: write_image(path, optical().astype(np.float32)),
        "note",
        "optical chip of type float32",
    ),
    (
        SAR,
        lambda path: write_image(path, sar().astype(np.uint16)),
        "note",
        "sar chip of type uint16",
    ),
    (
        SAR,
        lambda path: write_image(path, sar(height=7)),
        "warning",
        "very small chip (7 x 14 pixels)",
    ),
    (OPTICAL, lambda path: path.rename(path.with_name("0001_RGB.tif")), "error", "name is not"),
    (
        OPTICAL,
        lambda path: path.with_name("notes.txt").touch(),
        "warning",
        "not an image: ends in '.txt'",
    ),
]


@pytest.mark.parametrize(("name", "make", "level", "reason"), FAULTS)
def test_one_faulty_file(tmp_path: Path, name: str, make: Make, level: str, reason: str) -> None:
    make(write_hoss(tmp_path) / name)
    (found,) = [
        one for one in check(tmp_path).findings if one.subject not in ("train", "query and gallery")
    ]
    assert found.level == level
    assert reason in found.reason
    assert found.subject.startswith(str(tmp_path / "bounding_box_train"))


@pytest.mark.parametrize(
    "change",
    [
        lambda: np.clip(sar(), 0, 255).astype(np.uint8),
        lambda: optical()[[0, 0, 0]],
        lambda: sar()[[0, 0]],
        lambda: sar().astype(np.complex64),
        lambda: 20 * np.log10(np.maximum(sar(), 1)) - 30,
    ],
)
def test_sar_that_can_be_read_is_fine(tmp_path: Path, change: Callable[[], NDArray[Any]]) -> None:
    """Grey saved as colours, two equal bands, complex, decibels: said, but no fault."""
    write_image(write_hoss(tmp_path) / SAR, change())
    assert check(tmp_path).findings == ()


@pytest.mark.parametrize(
    ("source", "target", "level", "reason"),
    [
        (
            "query/0011_s02c3_RGB.tif",
            "bounding_box_test/0011_s02c3_RGB.tif",
            "error",
            "(query); leave one out",
        ),
        (
            OPTICAL,
            "bounding_box_test/0011_s09c9_RGB.tif",
            "error",
            "(train), under another identity, 0001",
        ),
        (OPTICAL, "bounding_box_train/0001_s09c9_RGB.tif", "warning", "(train); leave one out"),
        (
            OPTICAL,
            "bounding_box_train/0002_s09c9_RGB.tif",
            "warning",
            "(train), under another identity, 0001",
        ),
    ],
)
def test_duplicates(tmp_path: Path, source: str, target: str, level: str, reason: str) -> None:
    write_hoss(tmp_path)
    (tmp_path / target).write_bytes((tmp_path / source).read_bytes())
    (found,) = check(tmp_path).findings
    assert (found.level, found.subject) == (level, str(tmp_path / target))
    assert str(tmp_path / source) in found.reason
    assert reason in found.reason


def test_duplicate_in_another_format_is_found(tmp_path: Path) -> None:
    write_image(write_hoss(tmp_path) / OPTICAL, optical(5))
    write_image(tmp_path / "bounding_box_train/0001_s09c9_RGB.png", optical(5), "PNG")
    (found,) = check(tmp_path).findings
    assert "same pixels as" in found.reason


def test_subset_folders_repeat_files_rightly(tmp_path: Path) -> None:
    write_hoss(tmp_path)
    for source, target in (
        ("query/0011_s02c3_RGB.tif", "subset/O2S/query/0011_s02c3_RGB.tif"),
        ("bounding_box_test/0011_s01c2_SAR.tif", "subset/O2S/bounding_box_test/0011_s01c2_SAR.tif"),
    ):
        (tmp_path / target).parent.mkdir(parents=True)
        (tmp_path / target).write_bytes((tmp_path / source).read_bytes())
    result = check(tmp_path)
    assert result.findings == ()
    assert len(result.facts) == 14


def test_identities_in_train_and_test(tmp_path: Path) -> None:
    write_image(write_hoss(tmp_path) / "bounding_box_test/0002_s05c1_RGB.tif", optical(50))
    write_image(tmp_path / "bounding_box_test/0002_s05c2_SAR.tif", sar(51))
    (found,) = check(tmp_path).findings
    assert (found.level, found.subject) == ("warning", "train")
    assert found.reason.startswith("1 identity also in query or gallery: 0002;")


def test_identities_of_one_modality(tmp_path: Path) -> None:
    write_hoss(tmp_path)
    for number in range(20, 35):
        write_image(tmp_path / f"bounding_box_train/{number:04d}_s01c1_SAR.tif", sar(200 + number))
    (found,) = check(tmp_path).findings
    assert (found.level, found.subject) == ("note", "train")
    assert found.reason.startswith("15 identities in one modality only: 0020, 0021,")
    assert found.reason.endswith("0027 and 7 more")


def test_queries_without_a_match(tmp_path: Path) -> None:
    write_image(write_hoss(tmp_path) / "query/0099_s01c1_RGB.tif", optical(60))
    (tmp_path / "bounding_box_test/0012_s01c1_RGB.tif").unlink()
    said = {one.subject: (one.level, one.reason) for one in check(tmp_path).findings}
    assert said["protocol all"][0] == "note"
    assert said["protocol all"][1].startswith(
        "1 of 3 queries without a match in the gallery, left out of averages: 0099"
    )
    assert said["protocol o2s"][1].startswith("1 of 2 queries")
    assert said["protocol s2o"] == (
        "warning",
        "no query has a match in the gallery; nothing can be measured",
    )
    counts = {
        row.name: (row.query, row.gallery, row.unmatched)
        for row in protocol_statistics(open_reid(tmp_path))
    }
    assert counts == {"all": (3, 3, 1), "o2s": (2, 2, 1), "s2o": (1, 1, 1)}


def test_errors_come_first_and_strict_stops(tmp_path: Path) -> None:
    write_image(write_hoss(tmp_path) / SAR, sar(height=7))
    (tmp_path / "query/0011_s02c3_RGB.tif").write_bytes(b"")
    assert [one.level for one in check(tmp_path).findings] == ["error", "warning"]
    with pytest.raises(CrosswakeError, match=r"0011_s02c3_RGB.tif: the file is empty.*--strict"):
        check(tmp_path, strict=True)


def test_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "query").mkdir()
    with pytest.raises(CrosswakeError, match="no chips in it; is this the right folder or table"):
        check(tmp_path)


def test_table_with_missing_file(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", optical())
    table = tmp_path / "ships.csv"
    table.write_text("path,identity,modality\na.tif,A,optical\nb.tif,B,sar\n")
    (found,) = check(table).of("error")
    assert found.subject == str(tmp_path / "b.tif")
    assert found.reason == "no such file; correct the path or the table that names it"


def test_split_statistics(tmp_path: Path) -> None:
    write_hoss(tmp_path)
    (tmp_path / SAR).write_bytes(b"")
    data = open_reid(tmp_path)
    train, query, gallery = split_statistics(data, check(tmp_path).facts)
    assert (train.identities, train.chips, train.optical, train.sar, train.cross_modal) == (
        3,
        6,
        3,
        3,
        3,
    )
    assert (train.height, train.width) == (
        40,
        16,
    )  # three of 40 x 16 are left against two of 36 x 14
    assert (train.height_m, train.width_m) == (30, 12)
    assert (query.identities, query.cross_modal, query.height) == (2, 0, 38)
    assert (gallery.chips, gallery.height_m, gallery.width_m) == (4, 33, 13)
    assert split_statistics(open_reid(tmp_path), {})[0].height is None


def test_reasons_are_counted(tmp_path: Path) -> None:
    write_hoss(tmp_path)
    for path in sorted((tmp_path / "bounding_box_train").glob("*_SAR.tif"))[:2]:
        cut(path)
    for path in (tmp_path / "query").iterdir():
        path.write_bytes(b"")
    (tmp_path / OPTICAL).write_bytes(b"junk")
    expected = [
        ("the file is empty", 2),
        ("truncated or damaged", 2),
        ("not a TIFF, PNG, JPEG, BMP or JPEG 2000 image", 1),
    ]
    assert reason_counts(check(tmp_path).of("error")) == expected


def test_real_places_are_good() -> None:
    result = check(real_data("hoss_places"))
    assert result.of("error") == []
    assert len(result.facts) == 2016


def test_one_file_to_learn_from_and_to_ask_is_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "a_RGB.png", optical())
    rows = [f"a_RGB.png,1,optical,{split}" for split in ("train", "query")]
    (tmp_path / "t.csv").write_text("\n".join(["path,identity,modality,split", *rows]) + "\n")
    found = check_chips(open_reid(tmp_path / "t.csv"), quiet=True).of("error")
    assert [finding.kind for finding in found] == ["the same pixels in train and query"]


def test_a_query_whose_only_match_is_itself_has_none(tmp_path: Path) -> None:
    write_image(tmp_path / "a_RGB.png", optical())
    rows = [f"a_RGB.png,1,optical,{split}" for split in ("query", "gallery")]
    (tmp_path / "t.csv").write_text("\n".join(["path,identity,modality,split", *rows]) + "\n")
    with pytest.raises(CrosswakeError, match="a chip is no answer to itself"):
        require_answers(open_reid(tmp_path / "t.csv"))
