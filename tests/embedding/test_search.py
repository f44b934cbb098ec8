"""Promise: the nearest chips by cosine, all of them compared, the query itself left out; from
files, chips or a Parquet file of the same model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import read_hoss
from crosswake.embedding.job import embed_archive
from crosswake.embedding.search import SearchOptions, search_chips
from crosswake.models.base import ChipEmbedder
from crosswake.settings.embed import EmbedConfig
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

TOP = SearchOptions(top=5)


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hoss(tmp_path_factory.mktemp("ships"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.pth")


@pytest.fixture(scope="module")
def model(weights: Path) -> ChipEmbedder:
    return crosswake.load(weights, device="cpu")


@pytest.fixture
def archive(ships: Path, weights: Path, tmp_path: Path) -> Path:
    config = EmbedConfig(
        checkpoint=weights, data=ships, output=tmp_path / "a.parquet", device="cpu", quiet=True
    )
    embed_archive(config)
    return config.output


def test_candidates_are_the_nearest_by_cosine(ships: Path, model: ChipEmbedder) -> None:
    data = read_hoss(ships)
    found = search_chips(model, data.query, data.gallery, TOP)
    similarity = model.embed(data.query) @ model.embed(data.gallery).T
    assert found.searched == len(data.gallery)
    for row, (query, candidates) in enumerate(found.lists()):
        assert query["path"] == str(data.query[row].path)
        best = np.sort(similarity[row])[::-1][:5]
        assert [one["rank"] for one in candidates] == [1, 2, 3, 4, 5]
        np.testing.assert_allclose([one["cosine"] for one in candidates], best, atol=2e-3)
        paths = [str(chip.path) for chip in data.gallery]
        own = [similarity[row, paths.index(one["path"])] for one in candidates]
        np.testing.assert_allclose([one["cosine"] for one in candidates], own, atol=2e-3)


def test_a_folder_a_file_and_an_archive_give_the_same(
    ships: Path, model: ChipEmbedder, archive: Path
) -> None:
    query = sorted((ships / "query").iterdir())[0]
    here = search_chips(model, query, ships, TOP).candidates
    there = search_chips(model, str(query), archive, TOP).candidates
    for name in ("path", "rank", "identity", "modality"):
        assert here[name].to_pylist() == there[name].to_pylist()
    np.testing.assert_allclose(here["cosine"].to_numpy(), there["cosine"].to_numpy(), atol=1e-3)
    assert str(query) not in here["path"].to_pylist(), "a chip is no answer to itself"


@pytest.mark.parametrize("kind", ["optical", "sar"])
def test_candidates_of_one_modality(
    ships: Path, model: ChipEmbedder, archive: Path, kind: str
) -> None:
    found = search_chips(model, ships / "query", archive, replace(TOP, find=kind))  # type: ignore[arg-type]
    assert set(found.candidates["modality"].to_pylist()) == {kind}
    assert found.searched == 20


def test_a_small_gallery_gives_what_it_has(ships: Path, model: ChipEmbedder) -> None:
    data = read_hoss(ships)
    found = search_chips(model, data.query[:2], data.gallery[:3], TOP)
    assert found.candidates["rank"].to_pylist() == [1, 2, 3] * 2
    own = search_chips(model, data.query[:1], data.query[:1], TOP)
    assert own.candidates.num_rows == 0


def test_time_and_place_say_what_it_takes(ships: Path, model: ChipEmbedder, tmp_path: Path) -> None:
    one, two = sorted((ships / "query").iterdir())[:2]
    head = "path,modality,time,lon,lat\n"
    (tmp_path / "q.csv").write_text(f"{head}{one},optical,2026-03-01T12:00:00Z,0,0\n")
    rows = f"{two},optical,2026-03-01T22:00:00Z,0,1\n{two},optical,,,\n"
    (tmp_path / "g.csv").write_text(head + rows)
    found = search_chips(model, tmp_path / "q.csv", tmp_path / "g.csv", TOP).candidates.to_pylist()
    known = next(row for row in found if row["time"])
    assert known["hours"] == 10
    assert known["km"] == pytest.approx(111.195, abs=0.01)
    assert known["knots"] == pytest.approx(6.004, abs=0.001)
    other = next(row for row in found if not row["time"])
    assert (other["hours"], other["km"], other["knots"]) == (None, None, None)


def test_archives_that_cannot_be_searched_are_refused(
    ships: Path, model: ChipEmbedder, archive: Path, tmp_path: Path
) -> None:
    other = crosswake.load(tiny_weights(tmp_path / "other.pth", seed=1), device="cpu")
    with pytest.raises(CrosswakeError, match=r"was embedded with tiny\.pth, which is not .*other"):
        search_chips(other, ships / "query", archive)
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(CrosswakeError, match=r"foreign\.parquet: no Parquet file of crosswake"):
        search_chips(model, ships / "query", foreign)
    damaged = tmp_path / "damaged.parquet"
    content = bytearray(archive.read_bytes())
    content[4:200] = bytes(196)
    damaged.write_bytes(content)
    with pytest.raises(CrosswakeError, match=r"damaged\.parquet: is damaged"):
        search_chips(model, ships / "query", damaged)


def test_bad_files_are_listed(ships: Path, model: ChipEmbedder, tmp_path: Path) -> None:
    chip = sorted((ships / "query").glob("*RGB.tif"))[0]
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "good_RGB.tif").write_bytes(chip.read_bytes())
    (tmp_path / "q" / "cut_RGB.tif").write_bytes(chip.read_bytes()[:100])
    (tmp_path / "q" / "notes.doc").write_text("hello")
    found = search_chips(model, tmp_path / "q", ships, TOP)
    assert found.queries.num_rows == 1
    assert {bad.path.name for bad in found.bad_files} == {"cut_RGB.tif", "notes.doc"}
    with pytest.raises(CrosswakeError):
        search_chips(model, tmp_path / "q", ships, replace(TOP, strict=True))
    with pytest.raises(
        CrosswakeError, match=r"queries: .*not one chip can be read; the first: .*cut"
    ):
        search_chips(model, tmp_path / "q" / "cut_RGB.tif", ships, TOP)
