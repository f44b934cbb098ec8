"""Promise: a gallery that is kept in memory gives the answers that it gives from the store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.gallery import search
from crosswake.gallery.catalogue import Gallery, open_gallery
from crosswake.gallery.filters import Filters
from crosswake.gallery.left import keep_in_memory, kept_sightings, sampled_fleet
from crosswake.gallery.products import embeddings_in
from crosswake.gallery.search import GallerySearchOptions, search_gallery
from tests.gallery.making import BEGIN, made_gallery, made_sightings


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A gallery of several parts, of which some sightings are gone."""
    gallery = made_gallery(tmp_path_factory.mktemp("g") / "g", made_sightings(400))
    gallery.add(made_sightings(300, first=400))
    gallery.delete("length_m = 133")
    gallery.add(made_sightings(50, first=900))
    return gallery.place


def answers(gallery: Gallery, options: GallerySearchOptions) -> list[Any]:
    found = search_gallery(gallery, made_sightings(12).slice(3, 2), options)
    return [found.steps, [vars(one) for one in found.answers]]


@pytest.mark.parametrize(
    "options",
    [
        GallerySearchOptions(top=40),
        GallerySearchOptions(filters=Filters(modality="sar", length=(120, 260)), top=9),
        GallerySearchOptions(filters=Filters(start=BEGIN, bbox=(150, -90, -120, 90))),
        GallerySearchOptions(within_km=4000, filters=Filters(length=(None, 250))),
        GallerySearchOptions(within_km=4000),
    ],
)
def test_answers_are_those_of_the_store(place: str, options: GallerySearchOptions) -> None:
    stored, kept = open_gallery(place), open_gallery(place)
    keep_in_memory(kept)
    assert kept_sightings(stored) is None
    one = made_sightings(12).slice(3, 1)
    for queries in (one, made_sightings(12).slice(3, 3)):
        found = [search_gallery(gallery, queries, options) for gallery in (stored, kept)]
        assert found[0] == found[1]
        assert found[0].answers[0].candidates


def test_what_is_added_is_found(tmp_path: Path) -> None:
    gallery = made_gallery(tmp_path / "g", made_sightings(30))
    keep_in_memory(gallery)
    fleet = sampled_fleet(gallery)
    assert sampled_fleet(gallery) is fleet
    gallery.add(made_sightings(40))
    assert len(sampled_fleet(gallery).facts) == 40
    nowhere = GallerySearchOptions(top=50)
    query = made_sightings(1, id=["query"], lon=[None], lat=[None])
    (answer,) = search_gallery(gallery, query, nowhere).answers
    assert len(answer.candidates) == 40


def test_half_precision_leaves_out_none_of_the_best(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = open_gallery(place)
    exact = answers(gallery, GallerySearchOptions(top=10))
    keep_in_memory(gallery)
    monkeypatch.setattr(search, "INDEX_FROM", 500)
    monkeypatch.setattr(search, "INDEX_CANDIDATES", 60)
    fast = GallerySearchOptions(top=10)
    found = search_gallery(gallery, made_sightings(12).slice(3, 2), fast)
    assert found.rule.startswith("each of 746 sightings was compared in half precision, and the ne")
    ids = [[one["id"] for one in answer.candidates] for answer in found.answers]
    assert ids == [[one["id"] for one in answer["candidates"]] for answer in exact[1]]
    kept = kept_sightings(gallery)
    assert kept is not None
    rows = kept.left.features.astype(np.float64)
    for query in embeddings_in(made_sightings(20)):
        near = kept.nearest(query, 25)
        best = np.argsort(-(rows @ query / np.linalg.norm(rows, axis=1)))[:20]
        assert set(kept.left.ids[best]) <= set(near.ids)
