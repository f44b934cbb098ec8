"""One step of pretraining: the same gradients however the batch is cut up, and the loss that is
meant."""

from pathlib import Path

import numpy as np
import pytest
import torch

from crosswake.tasks.pretrain.learner import PairLearner
from crosswake.tasks.pretrain.task import PairTask, prepare_pretraining
from crosswake.training.task import Run
from tests.parsing import parse_pretraining as parse
from tests.training.running import assert_same_gradients, gradients, skip_without_compiler
from tests.training.small import Small


def prepared(small: Small, output: Path, *more: str) -> tuple[Run, PairTask]:
    return prepare_pretraining(parse(small.words(output, *more)))


@pytest.mark.parametrize("feature", ["raw", "neck"])
@pytest.mark.parametrize("pooling", ["class", "grid"])
def test_chunks_have_the_gradient_of_the_whole_batch(
    pretrain_small: Small, tmp_path: Path, feature: str, pooling: str
) -> None:
    settings = [f"--model.feature={feature}", f"--model.pooling={pooling}"]
    whole = gradients(*prepared(pretrain_small, tmp_path / "a", *settings))
    chunked = gradients(*prepared(pretrain_small, tmp_path / "b", *settings, "--batch.chunk=2"))
    assert ("bottleneck.weight" in whole) == (feature == "neck")
    assert "logit_scale" in whole
    assert_same_gradients(whole, chunked)


@pytest.mark.parametrize("setting", ["--recompute_blocks", "--compile", "--fused=false"])
def test_settings_of_speed_and_memory_keep_the_gradient(
    pretrain_small: Small, tmp_path: Path, setting: str
) -> None:
    if setting == "--compile":
        skip_without_compiler()
    plain = gradients(*prepared(pretrain_small, tmp_path / "a"))
    for name, more in (("b", []), ("c", ["--batch.chunk=2"])):
        changed = gradients(*prepared(pretrain_small, tmp_path / name, setting, *more))
        assert_same_gradients(plain, changed)


def test_the_loss_is_the_symmetric_one_recomputed(pretrain_small: Small, tmp_path: Path) -> None:
    _, task = prepared(pretrain_small, tmp_path / "a")
    learner: PairLearner = task.optimisation.module.module
    features = torch.randn(1, 2, 4, 32)
    same = torch.eye(4, dtype=torch.bool)
    same[1, 2] = same[2, 1] = True
    optical, sar = (torch.nn.functional.normalize(half) for half in features[0])
    logits = (task.model.logit_scale.exp() * sar @ optical.T).detach().double().numpy()
    expected = 0.0
    for matrix in (logits, logits.T):
        for row in range(4):
            share = np.exp(matrix[row]) / np.exp(matrix[row]).sum()
            expected -= np.log(share[same[row].numpy()].sum()) / 8
    found = learner.losses(features, same)["loss"].item()
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_temperature_starts_as_set_and_stays_above_a_hundredth(
    pretrain_small: Small, tmp_path: Path
) -> None:
    _, task = prepared(pretrain_small, tmp_path / "a", "--loss.temperature=0.05")
    assert task.model.logit_scale.exp().item() == pytest.approx(20, rel=1e-5)
    task.model.logit_scale.data.fill_(9.0)
    task.optimisation.module.module.losses(torch.randn(1, 2, 4, 32), torch.eye(4, dtype=torch.bool))
    assert task.model.logit_scale.exp().item() == pytest.approx(100, rel=1e-5)
