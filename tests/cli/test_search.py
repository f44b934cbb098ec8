"""Promise: ``search`` prints and writes what it found, and replaces no file of others."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from crosswake.cli.main import main
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hoss(tmp_path_factory.mktemp("ships"), train=2)


@pytest.fixture
def words(ships: Path, tmp_path: Path) -> list[str]:
    weights = tiny_weights(tmp_path / "tiny.pth")
    return [
        *("search", "--checkpoint", str(weights), "--device", "cpu", "--top", "3"),
        *("--query", str(ships / "query"), "--in", str(ships / "bounding_box_test")),
        *("--output", str(tmp_path / "found.html")),
    ]


def test_a_search_from_start_to_end(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("csv", "json", "parquet"):
        assert main([*words, "--table", str(tmp_path / f"found.{ending}")]) == 0
    printed = capsys.readouterr().out
    assert "0003_s01c1_SAR.tif (sar) among 12 chips" in printed
    page = (tmp_path / "found.html").read_text()
    assert page.count('<li class="chip') == 12
    assert page.count("data:image/jpeg") == 16
    table = pq.read_table(tmp_path / "found.parquet").to_pylist()
    assert len(table) == 12
    assert json.loads((tmp_path / "found.json").read_text())["candidates"] == table
    with (tmp_path / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [row["path"] for row in table]


def test_names_of_strangers_are_text_on_the_page(words: list[str], tmp_path: Path) -> None:
    folder = Path(words[words.index("--query") + 1])
    chip = next(folder.glob("*RGB.tif"))
    odd = tmp_path / "odd" / "<b>&amp; RGB.tif"
    odd.parent.mkdir()
    odd.write_bytes(chip.read_bytes())
    words[words.index("--query") + 1] = str(odd)
    assert main(words) == 0
    page = (tmp_path / "found.html").read_text()
    assert "<b>&amp; RGB" not in page
    assert "&lt;b&gt;&amp;amp; RGB.tif" in page


def test_other_files_are_not_replaced(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found.html").write_text("mine")
    assert main(words) == 2
    (tmp_path / "found.html").unlink()
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    assert main([*words, "--table", str(tmp_path / "mine.csv")]) == 2
    assert (tmp_path / "mine.csv").read_text() == "a,b\n1,2\n"
    assert main(words) == 0
    assert main(words) == 0, "the same search may be made again"
    assert main([*words[:-1], words[-1], "--find", "sar"]) == 2
    assert "find any, not sar" in capsys.readouterr().err
    assert main([*words, "--find", "sar", "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--top", "0", "--top: must be above 0"),
        ("--query", "nowhere", "--query: nowhere: no such file or folder"),
        ("--in", "nowhere", "--in: nowhere: no such file or folder"),
        ("--output", "page.txt", "--output: page.txt must end in .html"),
        ("--table", "t.xlsx", "--table: t.xlsx must end in one of .csv, .json, .parquet"),
        ("--find", "radar", "--find: expected one of any, optical, sar"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if option in words:
        place = words.index(option)
        words = words[:place] + words[place + 2 :]
    assert main([*words, option, value]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


def test_a_search_that_finds_nothing_is_an_error(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chip = sorted(Path(words[words.index("--query") + 1]).iterdir())[0]
    words[words.index("--query") + 1] = words[words.index("--in") + 1] = str(chip)
    assert main(words) == 2
    assert "holds no chip but the query itself" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    words[words.index("--in") + 1] = str(tmp_path / "empty")
    assert main(words) == 2
    assert "empty: holds no images" in capsys.readouterr().err
    assert not (tmp_path / "found.html").exists()
