"""Promise: candidates come in the exact order of similarity, and everything said of them is so."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.gallery import search
from crosswake.gallery.catalogue import Gallery
from crosswake.gallery.index import index_of, make_index
from crosswake.gallery.judgements import Judgement, record_judgement
from crosswake.gallery.products import cosines, embeddings_in
from crosswake.gallery.queries import queries_of_embeddings
from crosswake.gallery.search import GallerySearchOptions, search_gallery
from tests.gallery.making import WIDTH, made_gallery, made_sightings

NOWHERE: dict[str, Any] = {"lon": [None] * 90, "lat": [None] * 90, "time": [None] * 90}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return made_gallery(tmp_path_factory.mktemp("g") / "g", made_sightings(90, **NOWHERE))


def test_the_order_is_that_of_exact_cosines(gallery: Gallery) -> None:
    table = made_sightings(90, **NOWHERE)
    rows = embeddings_in(table).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries = table.slice(3, 5)
    result = search_gallery(gallery, queries, GallerySearchOptions(top=10))
    for row, answer in enumerate(result.answers, 3):
        similar = rows @ rows[row]
        similar[row] = -2  # a sighting is no answer to itself
        best = np.argsort(-similar)[:10]
        ids = table["id"].to_pylist()
        assert [one["id"] for one in answer.candidates] == [ids[place] for place in best]
        found = [one["cosine"] for one in answer.candidates]
        np.testing.assert_allclose(found, similar[best], atol=1e-6)
    assert result.rule == "each of 90 sightings was compared exactly; ordered by similarity"
    assert not result.calibrated
    assert result.answers[0].not_there is None


def test_equal_sightings_come_by_their_ids(tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {name: [None] for name in NOWHERE}
    one = made_sightings(1, id=["query"], **nowhere)
    count = 700
    table = pa.concat_tables([one] * count)
    ids = [f"{(number * 7919) % count:032d}" for number in range(count)]
    table = table.set_column(0, table.schema.field(0), pa.array(ids))
    gallery = made_gallery(tmp_path / "g", table)
    answer = search_gallery(gallery, one, GallerySearchOptions(top=count)).answers[0]
    assert [found["id"] for found in answer.candidates] == sorted(ids)
    assert len({found["cosine"] for found in answer.candidates}) == 1


def test_similarities_do_not_depend_on_how_many_there_are() -> None:
    rows = embeddings_in(made_sightings(2500, width=48))
    (_, whole), *_ = cosines(rows[:70], rows)
    _, part = next(iter(cosines(rows[5:6], rows[1000:1400])))
    np.testing.assert_array_equal(whole[5:6, 1000:1400], part)
    shown = [start for start, _ in cosines(rows[:70], rows[:3])]
    assert shown == [0, 64]


def test_what_a_person_found_is_shown(gallery: Gallery) -> None:
    ids = made_sightings(90)["id"].to_pylist()
    record_judgement(gallery, Judgement(query=ids[1], candidate=ids[2], verdict="same"))
    queries = made_sightings(90, **NOWHERE).slice(1, 2)
    first, second = search_gallery(gallery, queries, GallerySearchOptions(top=90)).answers
    for answer, other in ((first, ids[2]), (second, ids[1])):
        verdicts = {one["id"]: one["judged"] for one in answer.candidates}
        assert verdicts[other] == "same"
        assert sum(value is not None for value in verdicts.values()) == 1


def test_an_empty_gallery_says_so(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="the gallery is empty"):
        search_gallery(made_gallery(tmp_path / "g"), made_sightings(1), GallerySearchOptions())


def test_the_index_is_used_where_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = made_gallery(tmp_path / "g", made_sightings(1500))
    assert index_of(gallery) is None
    index = make_index(gallery, probes=40, sample=20)
    assert index_of(gallery) == index
    assert 0.9 <= index.recall <= 1
    query = made_sightings(1500).slice(7, 1)
    exact = search_gallery(gallery, query, GallerySearchOptions(top=5))
    monkeypatch.setattr(search, "INDEX_FROM", 1000)
    found = search_gallery(gallery, query, GallerySearchOptions(top=5))
    assert found.rule.startswith("an index chose 1,000 sightings")
    assert f"{index.recall:.1%} of the true 10 nearest" in found.rule
    both = [[one["id"] for one in one_of.answers[0].candidates] for one_of in (exact, found)]
    assert both[0] == both[1]
    without = GallerySearchOptions(top=5, use_index=False)
    assert "compared exactly" in search_gallery(gallery, query, without).rule
    with pytest.raises(CrosswakeError, match="from 1000 on"):
        make_index(made_gallery(tmp_path / "small", made_sightings(9)), 10, 10)


@pytest.mark.parametrize("rows", [np.zeros((0, WIDTH)), np.eye(WIDTH)[:1].astype(complex)])
def test_embeddings_that_are_none_are_refused(tmp_path: Path, rows: Any) -> None:
    gallery = made_gallery(tmp_path / "g", made_sightings(3))
    np.save(tmp_path / "e.npy", rows)
    with pytest.raises(CrosswakeError, match=r"--embedding: .*e\.npy: "):
        queries_of_embeddings(gallery, tmp_path / "e.npy", "sar")
