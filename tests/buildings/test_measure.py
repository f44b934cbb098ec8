"""Promise: the contest's figures come out, to three decimals, and intervals are those of tiles that
are drawn anew."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from crosswake.buildings.heights import delta_shares
from crosswake.buildings.matching import COUNTED_AT_MOST, CUTS, TileMatches, coco_index
from crosswake.buildings.measure import ScoreOptions, TileFacts, measure_tiles
from crosswake.buildings.paired import score_differences
from crosswake.buildings.precision import mean_precision
from crosswake.buildings.results import TileResult, by_image
from tests.buildings.cases import golden_json, golden_results, random_tiles

pycocotools = pytest.importorskip("pycocotools.cocoeval")

QUICK = ScoreOptions(draws=0)
OFFICIAL = {"mAP": "mAP", "AP50": "mAP_50", "AP75": "mAP_75"} | {
    f"AP{size}": f"mAP_{size}" for size in "sml"
}


@pytest.mark.parametrize("track", [1, 2])
def test_official_figures(track: int) -> None:
    expected = golden_json("expected.json")[f"track{track}"]
    scores = measure_tiles(*golden_results(track), track, QUICK)
    for ours, theirs in OFFICIAL.items():
        assert round(scores.value(ours), 3) == expected["summary"][f"segm_{theirs}"], ours
    for name, value in expected["classwise"].items():
        assert f"{scores.by_class[name]['AP'].value:.3f}" == value, name


def test_official_heights() -> None:
    expected = golden_json("expected.json")["track2"]["heights"]
    references, predictions = golden_results(2)
    for one, other, value in zip(references, predictions, expected["per_image"], strict=True):
        assert one.height is not None
        assert other.height is not None
        assert delta_shares(other.height, one.height) == pytest.approx(value, abs=1e-9)
    scores = measure_tiles(references, predictions, 2, QUICK)
    for k in (1, 2, 3):
        assert scores.value(f"delta_{k}") == pytest.approx(expected[f"delta{k}"], abs=1e-9)
    both = (round(scores.value("AP50"), 3) + scores.value("delta_1")) / 2
    assert scores.value("score") == pytest.approx(both)


def test_errors_have_their_right_names() -> None:
    references, predictions = golden_results(2)
    scores = measure_tiles(references, predictions, 2, QUICK)
    pairs = zip(predictions, references, strict=True)
    error = np.stack([np.float64(p.height) - np.float64(r.height) for p, r in pairs])
    assert scores.value("MAE") == pytest.approx(np.abs(error).mean())
    assert scores.value("MSE") == pytest.approx((error**2).mean())
    assert scores.value("RMSE") == pytest.approx((error**2).mean() ** 0.5)


def test_flat_ground_scores_the_share_of_ground() -> None:
    references, predictions = golden_results(2)
    scores = measure_tiles(references, predictions, 2, QUICK)
    ground = np.mean([(np.asarray(one.height) <= 0).mean() for one in references])
    assert scores.zero["delta_1"].value == pytest.approx(ground)


def test_a_missing_height_map_is_wrong_everywhere_and_named() -> None:
    references, predictions = golden_results(2)
    whole = measure_tiles(references, predictions, 2, QUICK)
    predictions[0] = replace(predictions[0], height=None)
    scores = measure_tiles(references, predictions, 2, QUICK)
    shares = golden_json("expected.json")["track2"]["heights"]["per_image"]
    assert scores.missing == ("0",)
    assert scores.value("delta_1") == pytest.approx(whole.value("delta_1") - shares[0][0] / 6)


def naive(
    references: list[TileResult], predictions: list[TileResult], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """pycocotools' own precision, (overlaps, recalls, classes, sizes, most), with each tile there
    as often as it counts."""
    found = by_image(predictions)
    copies = [
        (one, found.get(one.image_id))
        for one, count in zip(references, counts, strict=True)
        for _ in range(count)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        judge = pycocotools.COCOeval(
            coco_index([one for one, _ in copies], 12, true=True),
            coco_index([one for _, one in copies], 12, true=False),
            "segm",
        )
        judge.params.maxDets = list(COUNTED_AT_MOST)
        judge.evaluate()
        judge.accumulate()
    return np.asarray(judge.eval["precision"])


def mean_of(values: NDArray[np.float64]) -> float:
    return float(values[values > -1].mean()) if (values > -1).any() else float("nan")


@pytest.mark.parametrize("seed", range(4))
def test_draws_of_tiles_are_what_pycocotools_says_of_repeated_tiles(seed: int) -> None:
    references, predictions = random_tiles(seed)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(references), np.full(len(references), 1 / len(references)), size=6)
    ours = mean_precision(TileMatches(references, by_image(predictions), 12), CUTS, draws)
    for row, counts in enumerate(draws):
        precision = naive(references, predictions, counts)
        expected = {
            "mAP": precision[:, :, :, 0, 0],
            "AP50": precision[0, :, :, 0, 2],
            "AP75": precision[5, :, :, 0, 2],
            "APs": precision[:, :, :, 1, 2],
            "APm": precision[:, :, :, 2, 2],
            "APl": precision[:, :, :, 3, 2],
        }
        for name, values in expected.items():
            assert ours[name][row] == pytest.approx(mean_of(values), nan_ok=True), name


def test_a_tile_without_any_prediction_counts_as_nothing_found() -> None:
    references, predictions = random_tiles(0)
    scores = measure_tiles(references, [], 1, QUICK)
    assert scores.value("AP50") == 0
    half = measure_tiles(references, predictions[:3], 1, QUICK)
    empty = [replace(one, instances=()) for one in predictions[3:]]
    assert half.value("AP50") == measure_tiles(
        references, [*empty, *predictions[:3]], 1, QUICK
    ).value("AP50")


def test_a_city_is_scored_as_if_it_were_alone() -> None:
    references, predictions = random_tiles(3, tiles=10)
    scores = measure_tiles(references, predictions, 1, ScoreOptions(draws=50))
    alone = [one for one in references if one.city == "Sud"]
    own = measure_tiles(alone, predictions, 1, ScoreOptions(draws=50))
    assert scores.by_city["Sud"]["AP50"] == own.metrics["AP50"]
    assert scores.city_tiles == {"Nord": 5, "Sud": 5}


def test_intervals_hold_the_value_and_hang_on_the_seed() -> None:
    references, predictions = random_tiles(1, tiles=20)
    one = measure_tiles(references, predictions, 1, ScoreOptions(draws=200, seed=1))
    again = measure_tiles(references, predictions, 1, ScoreOptions(draws=200, seed=1))
    other = measure_tiles(references, predictions, 1, ScoreOptions(draws=200, seed=2))
    assert one.metrics["AP50"] == again.metrics["AP50"] != other.metrics["AP50"]
    assert one.metrics["AP50"].low < one.value("AP50") < one.metrics["AP50"].high


def test_a_submission_differs_from_itself_by_nothing() -> None:
    references, predictions = golden_results(2)
    options = ScoreOptions(draws=100)
    same = score_differences(references, predictions, predictions, 2, options)
    assert {(e.value, e.low, e.high) for name, e in same.items() if name == "score"} == {(0, 0, 0)}
    worse = [replace(one, instances=one.instances[::2]) for one in predictions]
    less = score_differences(references, worse, predictions, 2, options)
    assert less["AP50"].value < less["AP50"].high < 0
    assert less["delta_1"].value == 0


def test_paired_draws_are_of_the_same_tiles() -> None:
    references, predictions = random_tiles(5, tiles=12)
    worse = [replace(one, instances=one.instances[1:]) for one in predictions]
    draws = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=1000)
    first = TileFacts(references, worse, 1).figures(draws, ["AP50"])["AP50"]
    second = TileFacts(references, predictions, 1).figures(draws, ["AP50"])["AP50"]
    found = score_differences(references, worse, predictions, 1)["AP50"]
    low, high = np.percentile(first - second, [2.5, 97.5])
    assert [found.low, found.high] == pytest.approx([low, high])
