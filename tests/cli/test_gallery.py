"""Promise: from an empty gallery to a judged search, every command says what it did."""

import json
from pathlib import Path

import pytest

from crosswake.cli.main import main
from crosswake.gallery.store import Store
from tests.gallery.making import made_gallery, made_sightings
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights


def test_from_making_to_exporting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ships = tiny_hoss(tmp_path / "ships", train=1, test=2)
    model = ["--checkpoint", str(tiny_weights(tmp_path / "tiny.pth")), "--device", "cpu"]
    assert main(["gallery", "create", "g", *model]) == 0
    assert main(["gallery", "add", "g", str(ships / "bounding_box_test"), *model]) == 0
    assert "6 sightings added, 0 sightings there already; 6 in all" in capsys.readouterr().out
    query = str(ships / "query" / "0003_s01c1_SAR.tif")
    tables = [f"f.{kind}" for kind in ("csv", "json", "geojson", "geoparquet")]
    words = ["gallery", "search", "g", *model, "--query", query, "--modality", "optical"]
    for table in tables:
        words += ["--table", table]
    for _ in range(2):  # the second time its own files are replaced
        assert main(words) == 0
    said = capsys.readouterr()
    assert "6 sightings in the gallery; modality: 3 left" in said.out
    assert "each of 3 sightings was compared exactly; ordered by similarity" in said.out
    assert "no calibration, so there are ranks and no probabilities" in said.err
    found = json.loads(Path("f.json").read_text())["sightings"]
    assert [row["rank"] for row in found] == [1, 2, 3]
    assert {row["modality"] for row in found} == {"optical"}
    page = Path("search.html").read_text()
    assert page.count("data:image/jpeg") == 4
    assert "This model has no calibration" in page
    one, two = found[0]["id"], found[1]["id"]
    pair = ["--query", one[:8], "--candidate", two[:8], "--verdict", "different"]
    assert main(["gallery", "judge", "g", *pair, "--who", "ann"]) == 0
    assert main(["gallery", "judge", "g", "--export", "j.csv"]) == 0
    assert "ann" in Path("j.csv").read_text()
    assert main(["gallery", "export", "g", "--output", "all.parquet", "--thumbnails"]) == 0
    assert main(["gallery", "create", "h", *model]) == 0
    assert main(["gallery", "add", "h", "all.parquet"]) == 0
    assert main(["gallery", "info", "h", "--json", "h.json"]) == 0
    assert json.loads(Path("h.json").read_text())["modality"] == {"optical": 3, "sar": 3}
    assert main(["gallery", "delete", "h", "--where", "modality = 'sar'"]) == 2
    assert main(["gallery", "delete", "h", "--id", one, "--yes"]) == 0
    assert main(["gallery", "compact", "h"]) == 0
    assert "1 sighting removed; 5 left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--bbox", "1,2,3"], "--bbox: expected W,S,E,N in degrees, got 1,2,3"),
        (["--bbox", "1,20,3,10"], "--bbox: expected W,S,E,N in degrees with S below N"),
        (["--within", "far"], "--within: expected a distance such as 500km or 270nm, got far"),
        (["--length", "240..180"], "--length: expected bounds in metres such as 180..240"),
        (["--from", "yesterday"], "--from: expected a time such as 2026-03-01T12:30Z"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "--to: 2026-03-01 is before"),
        (["--table", "f.xlsx"], "--table: f.xlsx must end in one of .csv"),
        (["--embedding", "e.npy"], "--query: name what to look for by one of"),
        (["--where", "1=1); drop"], "--where: expected one condition in SQL, got 1=1); drop"),
        (["--where", "a = 1) OR (b = 2"], "--where: expected one condition in SQL"),
        (["--where", "name = 'x"], "--where: expected one condition in SQL"),
        (["--storage", "endpoint"], "--storage: expected KEY=VALUE, got endpoint"),
    ],
)
def test_mistakes_end_in_one_line(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "search", "g", "--id", "abcd", *words]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


def test_a_day_counts_as_a_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_gallery("g", made_sightings(100))
    words = ["gallery", "search", "g", "--id", made_sightings(1)["id"][0].as_py()]
    words += ["--output", "none", "--max_speed", "1000", "--from", "2026-03-02"]
    assert main([*words, "--to", "2026-03-03"]) == 0
    assert "100 sightings in the gallery; time: 48 left" in capsys.readouterr().out
    assert main([*words, "--sensor", "nobody"]) == 2
    assert "the filters leave none of 100 sightings (time 76, sensor 0)" in capsys.readouterr().err


def test_what_is_no_condition_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store would read the first half alone."""
    gallery = made_gallery(tmp_path / "g", made_sightings(5))
    words = ["gallery", "delete", str(tmp_path / "g"), "--yes", "--where"]
    assert main([*words, "length_m > 0; id = 'a'"]) == 2
    assert "mend its brackets or quotes" in capsys.readouterr().err
    assert gallery.count() == 5
    assert main([*words, "path = ';)--' OR (length_m >= 103)"]) == 0
    assert "2 sightings removed; 3 left" in capsys.readouterr().out


def test_a_distance_needs_a_position(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_gallery("g", made_sightings(3, lon=[None] * 3, lat=[None] * 3))
    words = ["gallery", "search", "g", "--id", made_sightings(1)["id"][0].as_py()]
    assert main([*words, "--within", "5km"]) == 2
    assert "--within: no query has a position; give --query_position" in capsys.readouterr().err
    assert not Path("search.html").exists()


def test_options_of_a_store_reach_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def remember(store: Store) -> bool:
        seen.append((store.place, store.options))
        return False

    monkeypatch.setattr(Store, "remote", property(remember))
    words = ["--storage", "aws_region=eu-central-1", "--storage", "aws_endpoint=http://a/?b=c"]
    assert main(["gallery", "info", str(tmp_path / "g"), *words]) == 2
    assert "there is no gallery; make one with" in capsys.readouterr().err
    options = (("aws_region", "eu-central-1"), ("aws_endpoint", "http://a/?b=c"))
    assert seen[0] == (str(tmp_path / "g"), options)
