"""Promise: the ranking of a stable sort of float32 similarities, for any budget and threads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval import products
from crosswake.retrieval.features import Features, prepare
from crosswake.retrieval.products import ENTRIES, GIGABYTE, LEAST_BUDGET, Products, RankOptions
from crosswake.retrieval.ranking import distance_rows, find_matches, rank, rank_rows
from tests.retrieval.sorting import Case, assert_same, sorted_ranking


def tied_case(seed: int, queries: int = 12, gallery: int = 2500, width: int = 6) -> Case:
    """Few distinct features, each there many times, in several blocks of the gallery."""
    generator = np.random.default_rng(seed)
    distinct = generator.normal(size=(20, width)).astype(np.float32)
    return (
        distinct[generator.integers(0, 20, queries)],
        distinct[generator.integers(0, 20, gallery)],
        generator.integers(0, 90, queries),
        generator.integers(0, 90, gallery),
    )


def smooth_case(seed: int, queries: int = 25, gallery: int = 900, width: int = 64) -> Case:
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(queries, width)).astype(np.float32),
        generator.normal(size=(gallery, width)).astype(np.float32),
        generator.integers(0, 40, queries),
        generator.integers(0, 40, gallery),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("top", [0, 1, 50, 2500])
@pytest.mark.parametrize("normalise", [True, False])
def test_equals_a_stable_sort_where_ties_abound(seed: int, top: int, normalise: bool) -> None:
    case = tied_case(seed)
    found = rank(*case, RankOptions(top=top, normalise=normalise))
    assert_same(found, sorted_ranking(case, top, normalise), 1e-5)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_equals_a_stable_sort_of_any_kind_of_features(kind: Any, normalise: bool) -> None:
    query, gallery, *ids = smooth_case(3)
    case = (query.astype(kind), gallery.astype(kind), ids[0], ids[1])
    found = rank(*case, RankOptions(normalise=normalise))
    assert_same(found, sorted_ranking(case, 50, normalise), 1e-4)


@pytest.mark.parametrize("width", [1, 5, 64, 129, 771])
def test_equal_features_tie_wherever_they_stand(width: int) -> None:
    """A model that has collapsed: the order of the gallery decides, in a padded block too."""
    size = 2 * ENTRIES + 77
    feature = np.random.default_rng(width).normal(size=(1, width)).astype(np.float32)
    gallery = np.repeat(feature, size, axis=0)
    ids = np.arange(size) % 50
    queries = np.random.default_rng(1).normal(size=(130, width)).astype(np.float32)
    found = rank(queries, gallery, ids[:130], ids, RankOptions(top=size))
    assert (found.top == np.arange(size)).all()
    assert (found.top_distance == found.top_distance[:, :1]).all()
    np.testing.assert_array_equal(found.first_match, ids[:130] + 1)


def test_budget_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least budget does not hold this gallery, so that its parts are computed twice."""
    case = smooth_case(4, queries=300, gallery=40_000, width=24)
    expected = rank(*case)
    pair = prepare(*case[:2], True)
    assert len(case[1]) > LEAST_BUDGET // (8 * products.QUERIES)
    assert_same(rank(*case, RankOptions(budget=LEAST_BUDGET)), expected)
    monkeypatch.setattr(products, "STRIP_BYTES", 2**29)
    assert len(list(Products(*pair, RankOptions(), 40_000).strips())) == 1
    assert_same(rank(*case, RankOptions()), expected)
    assert expected.first_match.max() > 40


@pytest.mark.parametrize("count", [1, 2, 3])
def test_threads_change_nothing(count: int) -> None:
    case = smooth_case(5, queries=200, gallery=5000, width=100)
    expected = rank(*case)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(count)
        assert_same(rank(*case), expected)
        with ThreadPoolExecutor(1) as pool:  # a thread that starts now sees the setting, too
            seen = {torch.get_num_threads(), pool.submit(torch.get_num_threads).result()}
        assert seen == {count}
    finally:
        torch.set_num_threads(before)


def test_a_million_chips_fit_the_budget() -> None:
    """The strip of similarities takes at most half of it, and holds the whole gallery at 1 GB."""
    size = 1_000_000
    gallery = Features(
        rows=np.broadcast_to(np.float32(1), (size, 768)),
        lengths=np.broadcast_to(1.0, size),
        squares=np.broadcast_to(1.0, size),
    )
    for budget in (LEAST_BUDGET, 2**28, GIGABYTE):
        options = RankOptions(budget=budget)
        part = Products(gallery, gallery, options, budget // (8 * products.QUERIES))
        strip = next(part.strips())
        assert 4 * part.width * (strip.stop - strip.start) <= budget // 2
        assert (part.width >= size) == (budget == GIGABYTE)


def precisions() -> tuple[Any, ...]:
    """What decides about products in float32; the older settings where they can be read."""
    found: list[Any] = []
    for read in (
        torch.get_float32_matmul_precision,
        lambda: torch.backends.cuda.matmul.allow_tf32,
        lambda: torch.backends.cuda.matmul.fp32_precision,
        lambda: torch.backends.mkldnn.matmul.fp32_precision,  # type: ignore[attr-defined]
    ):
        try:
            found.append(read())
        except (RuntimeError, AttributeError):
            found.append(None)
    return tuple(found)


SETTINGS = {
    "medium": "torch.set_float32_matmul_precision('medium')",
    "tf32": "torch.backends.cuda.matmul.allow_tf32 = True",
    "newer tf32": "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "nothing": "pass",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_products_are_in_single_precision_whatever_is_set(name: str) -> None:
    """In a process of its own, for some settings cannot be taken back."""
    check = f"""
import numpy as np, torch
from crosswake.retrieval.ranking import rank
from tests.retrieval.test_ranking import precisions
{SETTINGS[name]}
before, seen, multiply = precisions(), set(), torch.mm
def spy(*parts):
    seen.add(precisions())
    return multiply(*parts)
torch.mm = spy
rank(np.eye(4), np.eye(4), range(4), range(4))
assert len(seen) == 1
older, tf32, *newer = seen.pop()
assert (older, tf32) == ("highest", False), (older, tf32)
assert set(newer) <= {{"ieee", None}}, newer
assert precisions() == before, (precisions(), before)
"""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(root / "src"), str(root)))}
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr


def test_kernels_are_compiled_where_nothing_can_be_stored() -> None:
    """Numba finds no folder that it can write to, and the ranking is made all the same."""
    check = """
from numba.core import caching
caching.CompileResultCacheImpl._locator_classes = []
from crosswake.retrieval.ranking import rank_rows
import numpy as np
ranking = rank_rows(np.eye(3, dtype=np.float32), list("abc"), list("abc"))
assert ranking.first_match.tolist() == [3, 3, 3]
"""
    environment = os.environ | {"PYTHONPATH": str(Path(products.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr


def test_import_needs_neither_torch_nor_numba() -> None:
    names = ("baselines", "features", "metrics", "products", "protocols", "ranking", "rerank")
    check = "import sys\n" + "".join(f"import crosswake.retrieval.{name}\n" for name in names)
    check += "assert not {'torch', 'numba'} & set(sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(products.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)


def test_a_memory_map_is_ranked_as_an_array_is(tmp_path: Path) -> None:
    case = smooth_case(8)
    np.save(tmp_path / "gallery.npy", case[1])
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    assert_same(rank(case[0], mapped, *case[2:]), rank(*case))


def test_rows_of_zeros_are_at_distance_one() -> None:
    case = smooth_case(6)
    case[0][2], case[1][[5, 700]] = 0, 0
    found = rank(*case, RankOptions(top=900))
    assert (found.top_distance[2][np.isin(found.top[2], [5, 700])] == 0).all()
    assert (np.delete(found.top_distance[2], [0, 1]) == 1).all()
    assert found.top[2, :2].tolist() == [5, 700]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_features_are_scaled_first(scale: float) -> None:
    case = smooth_case(9)
    scaled = (case[0] * scale, (case[1] * scale).astype(np.float64), *case[2:])
    assert_same(rank(*scaled), sorted_ranking(case, 50), 1e-5)


def test_far_from_the_origin_small_distances_count() -> None:
    query = np.array([[500_000.0, 4_000_000.0]])
    gallery = query + np.array([[3.0, 0], [2, 0], [1, 0], [0, 0]])
    found = rank(query, gallery, [0], [1, 1, 1, 0], RankOptions(normalise=False))
    assert found.top.tolist() == [[3, 2, 1, 0]]
    assert found.top_distance.tolist() == [[0, 1, 4, 9]]


@pytest.mark.parametrize("normalise", [True, False])
def test_distances_are_those_of_the_rank_list(normalise: bool) -> None:
    case = smooth_case(7)
    options = RankOptions(normalise=normalise)
    rows = np.stack(list(distance_rows(*case[:2], options)))
    found = rank(*case, options)
    np.testing.assert_array_equal(
        np.take_along_axis(rows, found.top, 1), found.top_distance.astype(np.float32)
    )
    exact = sorted_ranking(case, 900, normalise)
    np.testing.assert_allclose(
        np.take_along_axis(rows, exact.top, 1), exact.top_distance, atol=1e-4
    )


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_given_distances_are_ranked_by_a_stable_sort(seed: int, top: int, strip: int) -> None:
    generator = np.random.default_rng(seed)
    distance = generator.integers(0, 9, (5, 60)).astype(np.float32)
    ids = generator.integers(0, 4, 5), generator.integers(0, 4, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crosswake.retrieval.ranking.STRIP_BYTES", strip * 240)
        found = rank_rows(iter(distance), *ids, top)
    order = np.argsort(distance, axis=1, kind="stable")
    np.testing.assert_array_equal(found.top, order[:, :top])
    np.testing.assert_array_equal(found.top_distance, np.sort(distance, axis=1)[:, :top])
    for row in range(5):
        hits = np.flatnonzero(ids[1][order[row]] == ids[0][row]) + 1
        assert found.matches[row] == len(hits)
        assert found.first_match[row] == (hits[0] if len(hits) else 0)
        precision = np.mean(np.arange(1, len(hits) + 1) / hits) if len(hits) else np.nan
        np.testing.assert_allclose(found.average_precision[row], precision)


def test_matches_are_found_by_identity() -> None:
    matches = find_matches(np.array(["b", "z", "a"]), np.array(["a", "b", "a", "c", "b"]))
    begin, columns = matches.of(slice(0, 3))
    assert (begin.tolist(), columns.tolist()) == ([0, 2, 2, 4], [1, 4, 0, 2])
    begin, columns = matches.of(slice(1, 3))
    assert (begin.tolist(), columns.tolist()) == ([0, 0, 2], [0, 2])


def test_budget_too_small_is_refused() -> None:
    with pytest.raises(CrosswakeError, match="budget: 1000 bytes are too few"):
        RankOptions(budget=1000)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(CrosswakeError, match=f"device: torch cannot use '{device}'"):
        rank(*smooth_case(0), RankOptions(device=device))


@pytest.mark.parametrize("normalise", [True, False])
def test_features_that_are_not_finite_are_refused(normalise: bool) -> None:
    query, gallery, *ids = smooth_case(0)
    gallery[7, 3] = np.inf
    with pytest.raises(
        CrosswakeError, match="gallery features: 1 of 900 rows are not finite, row 7"
    ):
        rank(query, gallery, ids[0], ids[1], RankOptions(normalise=normalise))
