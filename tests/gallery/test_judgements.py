"""Promise: what a person found is appended, never changed, and can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import Gallery, open_gallery
from crosswake.gallery.judgements import (
    Judgement,
    judgements_of,
    judgements_with_paths,
    record_judgement,
    undo,
    verdicts,
    whole_id,
)
from tests.gallery.making import made_gallery, made_sightings

IDS = made_sightings(20)["id"].to_pylist()


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return made_gallery(tmp_path / "g", made_sightings(20))


def test_the_last_judgement_in_force_counts(gallery: Gallery) -> None:
    pair = frozenset(IDS[:2])
    first = record_judgement(
        gallery, Judgement(query=IDS[0], candidate=IDS[1], verdict="same", who="ann")
    )
    second = record_judgement(
        gallery, Judgement(query=IDS[1], candidate=IDS[0], verdict="different", who="bob")
    )
    assert verdicts(gallery) == {pair: "different"}
    undo(gallery, second[:8], who="bob", note="by mistake")
    assert verdicts(gallery) == {pair: "same"}
    undo(gallery, first)
    assert verdicts(gallery) == {}
    rows = judgements_with_paths(gallery).to_pylist()
    assert [row["verdict"] for row in rows] == ["same", "different", None, None]
    assert [row["undoes"] for row in rows] == [None, None, second, first]
    assert [row["who"] for row in rows][:3] == ["ann", "bob", "bob"]
    assert rows[0]["query_path"] == "/chips/0.tif"
    with pytest.raises(CrosswakeError, match="no judgement in force"):
        undo(gallery, first)


def test_who_is_asked_for_what(gallery: Gallery) -> None:
    with pytest.raises(CrosswakeError, match="there is none"):
        record_judgement(gallery, Judgement(query=IDS[0], candidate="ffffffff", verdict="same"))
    with pytest.raises(CrosswakeError, match="are one sighting"):
        record_judgement(gallery, Judgement(query=IDS[0], candidate=IDS[0], verdict="same"))
    with pytest.raises(CrosswakeError, match="at least 4 letters"):
        whole_id(gallery, "0")
    with pytest.raises(CrosswakeError, match="20 ids begin so; give more letters"):
        whole_id(gallery, "0000")
    with pytest.raises(CrosswakeError, match="there is none"):
        whole_id(gallery, "' OR 'a' = 'a")
    assert judgements_of(gallery).num_rows == 0


def test_many_judge_at_once(gallery: Gallery) -> None:
    def one(number: int) -> str:
        own = open_gallery(gallery.place)
        return record_judgement(
            own, Judgement(query=IDS[number], candidate=IDS[number + 1], verdict="unsure")
        )

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(one, range(16)))
    assert set(judgements_of(gallery)["id"].to_pylist()) == names
    assert len(verdicts(gallery)) == 16
