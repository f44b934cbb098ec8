"""Promise: a validation measures the model that is saved, and changes nothing of the training."""

from pathlib import Path

import numpy as np
import pytest

import crosswake
from crosswake.tasks.pretrain.task import prepare_pretraining
from crosswake.tasks.reid.task import prepare_reid
from crosswake.training.loop import fit
from tests.parsing import parse_pretraining, parse_training
from tests.training.running import assert_equal_runs
from tests.training.small import Small


def mean_average_precision(query: np.ndarray, gallery: np.ndarray, names: list[list[str]]) -> float:
    """By the definition, a query at a time."""
    found = []
    for row, name in zip(query @ gallery.T, names[0], strict=True):
        hits = np.array([names[1][place] == name for place in np.argsort(-row, kind="stable")])
        ranks = np.flatnonzero(hits) + 1
        found.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(found))


def test_scores_are_those_of_the_saved_model(small: Small, tmp_path: Path) -> None:
    """BNNeck's statistics count in training and in use differently, so that a model left in the
    wrong mode would score otherwise."""
    more = ["--model.feature=neck", "--epochs=2", "--validation.every=2", "--optimiser.lr=0.01"]
    words = small.words(tmp_path / "a", *more)
    if small.command == "train":
        run, task = prepare_reid(parse_training(words))
        fit(run, task)
        validation = task.validation
    else:
        run, other = prepare_pretraining(parse_pretraining(words))
        fit(run, other)
        validation = other.validation
    assert validation is not None
    embedder = crosswake.load(tmp_path / "a" / "best.pt", device="cpu")
    features, names = embedder.embed_store(validation), [c.identity for c in validation.chips]
    of = {
        kind: [row for row, chip in enumerate(validation.chips) if chip.modality == kind]
        for kind in (0, 1)
    }
    expected = []
    for key, (query, gallery) in {"o2s": (0, 1), "s2o": (1, 0)}.items():
        both = [[names[row] for row in of[kind]] for kind in (query, gallery)]
        expected.append(mean_average_precision(features[of[query]], features[of[gallery]], both))
        assert run.state.rows[-1][f"val_{key}_mAP"] == pytest.approx(expected[-1], abs=1e-6)
    assert run.state.rows[-1]["val_mAP"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert run.state.best_score == run.state.rows[-1]["val_mAP"]


def test_validating_more_often_changes_no_weight(small: Small, tmp_path: Path) -> None:
    for every in (1, 3):
        more = ["--model.feature=neck", "--epochs=3", f"--validation.every={every}"]
        small.run(tmp_path / str(every), *more)
    assert_equal_runs(tmp_path / "1", tmp_path / "3", names=("last.pt",))
