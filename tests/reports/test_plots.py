"""Promise: the plots show who was searched for, who was found, and whether that is right."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from PIL import Image

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import ReidData
from crosswake.reports.figures import SAME, UNNAMED
from crosswake.reports.plots import WRONG, cosine_texts
from crosswake.tasks.reid.measure import MeasureOptions
from tests.tasks.fakes import FakeEmbedder
from tests.tiny import tiny_hoss


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReidData:
    return crosswake.open_chips(tiny_hoss(tmp_path_factory.mktemp("plots") / "ships"))


def cells(figure: Any) -> list[tuple[str, str, str]]:
    """Title, name and colour of the frame of each picture, row by row."""
    found = []
    for axes in figure.axes:
        title, name, _ = (text.get_text() for text in axes.texts)
        found.append((title, name, to_hex(axes.lines[0].get_color())))
    return found


def test_a_rank_list_says_which_are_right(data: ReidData) -> None:
    query, gallery = data.query[:1], data.gallery[:3]
    strange = Chip(path=gallery[0].path, modality=gallery[0].modality)
    mine = replace(gallery[1], identity=query[0].identity)
    other = replace(gallery[2], identity="$x_1$")
    figure = crosswake.plot_rank_list(query, [strange, mine, other], [[0.1, 0.912, 0.914]])
    assert cells(figure)[1:] == [
        ("1   0.914", "$x_1$", WRONG),
        ("2 ✓   0.912", query[0].identity, SAME),
        ("3   0.100", strange.path.stem, UNNAMED),
    ]
    assert cells(figure)[0][:2] == ("query", query[0].identity)


def test_rankings_and_cosines_show_the_same(data: ReidData) -> None:
    vectors = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query, gallery = vectors[:4], vectors[4:]
    names = ([c.identity for c in data.query], [c.identity for c in data.gallery])
    ranking = crosswake.rank(query, gallery, *names)
    for rows in ([0], [3, 1]):
        figures = [
            crosswake.plot_rank_list(data.query, data.gallery, given, rows=rows, top=5)
            for given in (ranking, query @ gallery.T)
        ]
        assert cells(figures[0]) == cells(figures[1])
        assert len(cells(figures[0])) == 6 * len(rows)


def test_a_chip_is_no_answer_to_itself(data: ReidData) -> None:
    chips = data.gallery[:3]
    figure = crosswake.plot_rank_list(chips, chips, np.eye(3), rows=[0])
    assert [name for _, name, _ in cells(figure)] == [chip.identity for chip in chips]


def test_an_unreadable_chip_leaves_a_gap(data: ReidData, tmp_path: Path) -> None:
    gone = Chip(path=tmp_path / "gone_SAR.tif", identity="7", modality=Modality.SAR)
    figure = crosswake.plot_rank_list(data.query[:1], [gone], [[0.5]])
    assert "unreadable" in [text.get_text() for text in figure.axes[1].texts]


@pytest.mark.parametrize(
    ("ranking", "more", "said"),
    [
        (np.zeros((2, 3)), {}, r"shape \(2, 3\), but there are 4 queries and 12 gallery chips"),
        (np.full((4, 12), np.nan), {}, "not finite"),
        (np.zeros((4, 12)), {"rows": [4]}, "rows: expected some of 0 to 3"),
        (np.zeros((4, 12)), {"rows": []}, "rows: expected some of 0 to 3"),
        (np.zeros((4, 12)), {"top": 0}, "top: must be at least 1"),
    ],
)
def test_what_does_not_fit_is_named(data: ReidData, ranking: Any, more: Any, said: str) -> None:
    with pytest.raises(CrosswakeError, match=said):
        crosswake.plot_rank_list(data.query, data.gallery, ranking, **more)


@given(st.lists(st.floats(-1, 1), max_size=12).map(lambda values: sorted(values, reverse=True)))
def test_cosines_have_digits_that_tell_neighbours_apart(values: list[float]) -> None:
    texts = cosine_texts(values)
    assert len(texts) == len(values)
    for left, right, one, other in zip(values, values[1:], texts, texts[1:], strict=False):
        assert one != other or left - right < 1e-6
    if texts and all(left - right > 0.011 for left, right in pairwise(values)):
        assert len(texts[0].lstrip("-")) == 4, "two decimals are enough"


def test_cmc_and_sheet(data: ReidData) -> None:
    evaluation = crosswake.measure(FakeEmbedder(), data, MeasureOptions(quiet=True))
    figure = crosswake.plot_cmc(evaluation)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["all to all", "optical to SAR", "SAR to optical"]
    curve = np.asarray(figure.axes[0].lines[0].get_ydata(), float)
    expected = evaluation.outcomes["all"].result.curve[: len(curve)]
    np.testing.assert_allclose(curve, 100 * expected)
    assert len(crosswake.plot_sheet(data).axes) == 1


def test_a_notebook_shows_a_figure_without_pyplot(data: ReidData, tmp_path: Path) -> None:
    figure = crosswake.plot_rank_list(data.query, data.gallery, np.zeros((4, 12)), rows=[0], top=2)
    (tmp_path / "shown.png").write_bytes(figure._repr_png_())
    assert Image.open(tmp_path / "shown.png").size[0] > 300
