"""Promise: outlines become the masks that pycocotools would draw, and damaged ones are named before
it sees them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosswake.data.masks import (
    BadOutlineError,
    box_of,
    counts_of,
    counts_text,
    form_fault,
    mask_of,
    outline_fault,
    run_lengths_of,
)
from tests.golden import golden

coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
SHAPE = (24, 32)
SQUARE = [4.0, 4.0, 12.0, 4.0, 12.0, 10.0, 4.0, 10.0]
MASKS = arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20)))


@given(MASKS)
@settings(deadline=None)
def test_run_lengths_are_those_of_pycocotools(mask: Any) -> None:
    ours = run_lengths_of(mask)
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert np.array_equal(mask_of(ours, mask.shape), mask)
    listed = {"size": list(mask.shape), "counts": counts_of(ours["counts"])}
    assert np.array_equal(mask_of(listed, mask.shape), mask)
    assert box_of(mask) == tuple(coco.toBbox(theirs))


@given(st.lists(st.integers(0, 2**31), max_size=30))
def test_counts_survive_their_compression(counts: list[int]) -> None:
    assert counts_of(counts_text(counts)) == counts


@given(st.text(max_size=30) | st.binary(max_size=30))
@settings(deadline=None)
def test_any_text_is_a_mask_or_a_reason(text: str | bytes) -> None:
    runs = {"size": list(SHAPE), "counts": text}
    fault = form_fault(runs, SHAPE)
    if not fault:
        assert np.array_equal(mask_of(runs, SHAPE), coco.decode(runs))


@given(st.lists(st.lists(st.floats(-40, 70, width=32), min_size=6, max_size=12), min_size=1))
@settings(deadline=None, max_examples=50)
def test_any_polygons_are_drawn_as_pycocotools_does(polygons: list[list[float]]) -> None:
    even = [polygon[: len(polygon) // 2 * 2] for polygon in polygons]
    naive = np.zeros(SHAPE, np.bool_)
    for polygon in even:
        naive |= coco.decode(coco.frPyObjects([polygon], *SHAPE))[..., 0].astype(np.bool_)
    assert np.array_equal(mask_of(even, SHAPE), naive)


def test_a_square_has_its_pixels() -> None:
    mask = mask_of([SQUARE], SHAPE)
    assert mask.sum() == 8 * 6
    assert mask[4:10, 4:12].all()
    assert outline_fault([SQUARE], SHAPE) == ""


def runs(counts: Any, size: Any = SHAPE) -> dict[str, Any]:
    """Run-lengths of the tile's size."""
    return {"size": list(size) if isinstance(size, tuple) else size, "counts": counts}


FAULTS: list[tuple[Any, str]] = [
    ([], "outline is empty"),
    (None, "outline is neither polygons nor run-lengths"),
    ("abc", "outline is neither polygons nor run-lengths"),
    ([1.0, 2.0], "polygon is not a list of coordinates"),
    ([[1.0, 2.0, 3.0, 4.0]], "polygon of fewer than 3 points (2)"),
    ([SQUARE, []], "polygon of fewer than 3 points (0)"),
    ([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], "polygon of an odd number of coordinates (7)"),
    ([[1.0, "x", 3.0, 4.0, 5.0, 6.0]], "polygon with coordinates that are no numbers"),
    ([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]], "polygon is not a flat list of coordinates"),
    ([[1.0, 2.0, float("nan"), 4.0, 5.0, 6.0]], "polygon with coordinates that are not finite"),
    ([[1.0, 2.0, 3e9, 4.0, 5.0, 6.0]], "polygon far off the tile (a coordinate of 3e+09)"),
    ({"size": [24, 32]}, "run-lengths without size or counts"),
    (
        runs([24 * 32], (12, 64)),
        "run-lengths of another size than the tile (12 x 64, not 24 x 32)",
    ),
    (runs([24 * 32], 7), "run-lengths of another size than the tile (7, not 24 x 32)"),
    (runs([100, 50]), "run-lengths that do not add up to the size (150, not 768)"),
    (runs([800, -32]), "run-lengths with a negative count (-32)"),
    (runs([0.5, 767.5]), "run-lengths that are not whole numbers"),
    (runs(7), "run-lengths that are neither numbers nor text"),
    (runs("é0"), "compressed run-lengths with a character that has no meaning"),
    (runs("0 0"), "compressed run-lengths with a character that has no meaning"),
    (runs("P" * 30), "compressed run-lengths with a number that does not end"),
    (runs("5PP"), "compressed run-lengths are cut off"),
]
DOUBTS: list[tuple[Any, str]] = [
    ([[4.0, 4.0, 12.0, 12.0, 12.0, 4.0, 4.0, 12.0]], "polygon crosses itself (at 8.0 8.0)"),
    ([[40.0, 4.0, 50.0, 4.0, 50.0, 9.0]], "polygon off the tile"),
    ([[-9.0, 4.0, -1.0, 4.0, -1.0, 9.0]], "polygon off the tile"),
    (
        [[20.0, 4.0, 36.5, 4.0, 36.5, 9.0, 20.0, 9.0]],
        "polygon reaches beyond the tile (by 4.5 pixels)",
    ),
    ([[4.0, 4.0, 4.1, 4.0, 4.1, 4.1]], "outline covers no pixel"),
    (runs([768]), "outline covers no pixel"),
]


@pytest.mark.parametrize(("outline", "reason"), FAULTS)
def test_what_cannot_become_a_mask_says_why(outline: Any, reason: str) -> None:
    assert outline_fault(outline, SHAPE) == form_fault(outline, SHAPE) == reason
    with pytest.raises(BadOutlineError) as caught:
        mask_of(outline, SHAPE)
    assert str(caught.value) == reason


@pytest.mark.parametrize(("outline", "reason"), DOUBTS)
def test_what_is_doubtful_becomes_a_mask_all_the_same(outline: Any, reason: str) -> None:
    assert outline_fault(outline, SHAPE) == reason
    assert form_fault(outline, SHAPE) == ""
    assert mask_of(outline, SHAPE).shape == SHAPE


def test_every_outline_of_the_contest_scores_is_fine() -> None:
    for track in (1, 2):
        content = json.loads((golden("dfc23") / f"track{track}_reference.json").read_text())
        for entry in content["annotations"]:
            outline = entry["segmentation"]
            assert form_fault(outline, (512, 512)) == ""
            whole = outline if isinstance(outline, list) else [outline]
            drawn = coco.decode(
                coco.merge(
                    coco.frPyObjects(whole, 512, 512) if isinstance(outline, list) else whole
                )
            )
            assert np.array_equal(mask_of(outline, (512, 512)), drawn)
