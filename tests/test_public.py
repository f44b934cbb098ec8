"""Promise: ``import crosswake`` shows its public names, imports them late, and what they give says
in short what it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.pairs import PairData
from crosswake.retrieval.metrics import Ranking
from tests.data.pair_making import write_sen12
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights


def test_every_public_name_is_there() -> None:
    assert dir(crosswake) == sorted(crosswake.__all__)
    assert set(crosswake.HOME) == set(crosswake.__all__) - {"__version__"}
    for name in crosswake.__all__:
        assert getattr(crosswake, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'embed'"):
        crosswake.embed  # noqa: B018


def test_names_come_late() -> None:
    program = (
        "import sys, crosswake; crosswake.Chip, crosswake.open_chips, crosswake.rank;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_data_says_what_it_is(tmp_path: Path) -> None:
    data = crosswake.open_chips(tiny_hoss(tmp_path / "ships"))
    assert repr(data) == "<ReidData 'ships': 24 train, 4 query, 12 gallery chips of 10 ships>"
    path = str(data.query[0].path)
    assert repr(data.query[0]) == f"Chip(path={path!r}, identity='0007', modality=Modality.SAR)"
    pairs = crosswake.data.sources.open.find_reader(write_sen12(tmp_path / "sen12"))
    assert pairs is not None
    found: PairData = pairs(tmp_path / "sen12")
    assert repr(found) == "<PairData 'sen12': pairs 8, known scenes 4>"


def test_data_as_a_frame(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    data = crosswake.open_chips(tiny_hoss(tmp_path / "ships"))
    frame = data.to_pandas()
    assert len(frame) == 40
    assert frame["split"].value_counts().to_dict() == {"train": 24, "gallery": 12, "query": 4}
    first = frame.iloc[24]
    assert first[["path", "modality", "identity"]].tolist() == [
        str(data.query[0].path),
        "sar",
        "0007",
    ]
    assert frame["lon"].dtype == np.float64
    assert frame["lon"].isna().all()


def test_rankings_and_evaluations(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    model = crosswake.load(tiny_weights(tmp_path / "tiny.pt"))
    assert "64 numbers from 64 x 32 pixels" in repr(model)
    evaluation = crosswake.measure(model, crosswake.open_chips(tiny_hoss(tmp_path / "ships")))
    ranking = evaluation.outcomes["o2s"].result.ranking
    frame = evaluation.to_pandas()
    here = frame[(frame.protocol == "o2s") & (frame.ranked_by == "model") & (frame.metric == "mAP")]
    expected = float(np.mean(ranking.average_precision))
    assert here["value"].tolist() == pytest.approx([expected])
    assert f"optical to SAR: mAP {100 * expected:.1f}" in repr(evaluation)
    assert repr(ranking).startswith(f"<Ranking: 2 queries, gallery of 6; mAP {expected:.3f}")


def test_a_query_without_a_match_is_missing_in_the_frame() -> None:
    pytest.importorskip("pandas")
    vectors = np.eye(3, dtype=np.float32)
    ranking: Ranking = crosswake.rank(vectors[:2], vectors, ["a", "z"], ["a", "b", "c"])
    frame = ranking.to_pandas()
    assert frame["first_match"].isna().tolist() == [False, True]
    assert frame["average_precision"].isna().tolist() == [False, True]


def test_without_pandas_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(CrosswakeError, match=r"pip install 'crosswake\[notebook\]'"):
        Ranking.empty(1, 1, 1).to_pandas()
