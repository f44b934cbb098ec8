"""Promise: settings of speed and memory change neither losses nor gradients but for rounding."""

import math
from pathlib import Path

import pytest
import torch

from crosswake.batches.augment import draw_augmentation, draw_noise, step_generator
from crosswake.cli.main import main
from crosswake.settings.run import OptimiserConfig
from crosswake.settings.train import AugmentConfig, TrainConfig
from crosswake.tasks.reid.task import prepare_reid, train
from crosswake.training.optimisers import can_fuse
from tests.parsing import parse_training as parse
from tests.tiny import tiny_hoss
from tests.training.running import (
    assert_same_gradients,
    gradients,
    skip_without_compiler,
    without_clock,
)

SMALL = [
    "--evaluate=false",
    "--epochs=2",
    "--model.image_size=[32,16]",
    "--model.width=32",
    "--model.depth=2",
    "--model.heads=2",
    "--model.drop_path=0.2",
    "--batch.identities=4",
    "--optimiser.lr=0.02",
    "--validation.every=2",
    "--validation.fraction=0.3",
    "--device=cpu",
    "--quiet",
]
CONV = ["--model.stem=conv", "--model.patch_size=16"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hoss(tmp_path_factory.mktemp("tiny"), train=12, test=4)


def config(data: Path, output: Path, *more: str) -> TrainConfig:
    if "--compile" in more:
        skip_without_compiler()
    return parse([f"--data={data}", f"--output={output}", *SMALL, *more])


@pytest.mark.parametrize(
    ("setting", "shape"),
    [
        ("--recompute_blocks", []),
        ("--channels_last", CONV),
        ("--fused=false", []),
        ("--compile", []),
    ],
    ids=["recompute", "channels_last", "unfused", "compile"],
)
def test_gradients_are_the_same(data: Path, tmp_path: Path, setting: str, shape: list[str]) -> None:
    plain = gradients(*prepare_reid(config(data, tmp_path / "a", *shape)))
    changed = gradients(*prepare_reid(config(data, tmp_path / "b", *shape, setting)))
    assert_same_gradients(plain, changed)


@pytest.mark.parametrize(
    "settings", [["--compile"], ["--recompute_blocks"], ["--fused=false"]], ids=str
)
def test_the_loss_curve_is_the_same(data: Path, tmp_path: Path, settings: list[str]) -> None:
    for name, more in (("plain", []), ("changed", settings)):
        train(config(data, tmp_path / name, *more))
    for left, right in zip(
        without_clock(tmp_path / "plain"), without_clock(tmp_path / "changed"), strict=True
    ):
        for key, value in left.items():
            if value:
                assert float(right[key]) == pytest.approx(float(value), abs=1e-4), key


def test_each_setting_is_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain = prepare_reid(config(data, tmp_path / "a", *CONV))
    _, changed = prepare_reid(
        config(
            data,
            tmp_path / "b",
            *CONV,
            "--recompute_blocks",
            "--channels_last",
            "--fused=false",
            "--compile",
        )
    )
    for task, wanted in ((plain, False), (changed, True)):
        base = task.model.base
        assert base.recompute == wanted
        assert base.channels_last == wanted
        assert (base._compiled_call_impl is not None) == wanted
        assert [bool(group["fused"]) for group in task.optimisation.optimiser.param_groups] == [
            not wanted
        ] * 2
        assert not any("_orig_mod" in name for name in task.model.state_dict())


def test_recomputing_keeps_less(data: Path, tmp_path: Path) -> None:
    """Bytes that autograd saves, counted as it saves them."""
    kept = []
    for name, more in (("a", []), ("b", ["--recompute_blocks"])):
        run, task = prepare_reid(config(data, tmp_path / name, *more, "--model.depth=6"))
        sizes: list[int] = []

        def keep(value: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(value.numel() * value.element_size())
            return value

        task.start_epoch(1)
        batch = task.make_batch(run, torch.from_numpy(task.batches(1)[0]), 0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            task.optimisation.module(batch)
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 2


def test_fp16_that_clips_is_not_fused() -> None:
    cuda, mps = torch.device("cuda"), torch.device("mps")
    assert not can_fuse(cuda, "fp16", OptimiserConfig(clip_norm=1))
    assert can_fuse(cuda, "fp16", OptimiserConfig())
    assert can_fuse(cuda, "fp32", OptimiserConfig(clip_norm=1))
    assert not can_fuse(mps, "fp32", OptimiserConfig())


def test_speed_may_change_on_resume(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    train(config(data, output, "--epochs=2"))
    words = [
        f"--data={data}",
        f"--output={output}",
        *SMALL,
        "--resume",
        "--recompute_blocks",
        "--fused=false",
    ]
    assert main(["train", *words]) == 0


def test_no_compiler_is_one_line_before_anything_is_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(function: object) -> object:
        raise RuntimeError("\nno C++ compiler\nmuch more")

    monkeypatch.setattr(torch, "compile", broken)
    words = [f"--data={data}", f"--output={tmp_path / 'x'}", *SMALL, "--compile"]
    assert main(["train", *words]) == 2
    said = capsys.readouterr().err
    assert (
        said == "crosswake: --compile: torch.compile does not work here (no C++ compiler); "
        "leave it out\n"
    )
    assert not (tmp_path / "x").exists()


def test_memory_and_waiting_are_columns(data: Path, tmp_path: Path) -> None:
    run, _ = train(config(data, tmp_path / "a", "--epochs=1"))
    row = run.state.rows[0]
    assert 0 < row["input_share"] < 1
    assert row["peak_bytes"] > 2**20
    assert {"input_share", "peak_bytes"} <= set(
        (tmp_path / "a" / "metrics.csv").read_text().split("\n")[0].split(",")
    )


def test_compiling_is_announced(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_compiler()
    words = [word for word in SMALL if word != "--quiet"]
    words += [f"--data={data}", f"--output={tmp_path / 'a'}", "--compile"]
    assert main(["train", *words]) == 0
    assert "the first step compiles" in capsys.readouterr().out


def test_noise_is_drawn_only_to_erase_and_from_the_seed() -> None:
    size = (8, 4)
    assert draw_augmentation(4, size, AugmentConfig(erase=0), step_generator(0)).noise is None
    assert (
        draw_augmentation(4, size, AugmentConfig(erase=0), step_generator(0))
        .rows(slice(0, 2))
        .noise
        is None
    )
    plan = draw_augmentation(4, size, AugmentConfig(), step_generator(0))
    assert plan.noise is not None
    generator, again = step_generator(3), step_generator(3)
    cpu = torch.device("cpu")
    assert torch.equal(draw_noise((4, 2), generator, cpu), draw_noise((4, 2), again, cpu))
    assert not torch.equal(
        draw_noise((4, 2), generator, cpu), draw_noise((4, 2), step_generator(3), cpu)
    )


@pytest.mark.slow
def test_the_command_for_a_gpu_works_small_on_the_cpu(tmp_path: Path) -> None:
    """docs/performance.md: simulate, then the published recipe in bf16, compiled."""
    skip_without_compiler()
    ships, output = str(tmp_path / "ships"), tmp_path / "run"
    assert main(["simulate", ships, "--identities", "18", "--sightings", "4", "--quiet"]) == 0
    fast = ["--precision", "bf16", "--compile", "--validation.fraction", "0", "--evaluate", "false"]
    small = [
        "--epochs",
        "2",
        "--model.image_size=[32,16]",
        "--model.width=64",
        "--model.depth=2",
        "--model.heads=2",
    ]
    words = [
        "--config",
        "hoss_transoss",
        "--data",
        ships,
        "--output",
        str(output),
        *fast,
        *small,
        "--quiet",
    ]
    assert main(["train", *words]) == 0
    rows = without_clock(output)
    assert len(rows) == 2
    assert math.isfinite(float(rows[1]["loss"]))
    assert (output / "best.pt").exists()


@pytest.mark.parametrize(
    ("more", "idle"),
    [
        ([], {"logit_scale"}),
        (["--loss.contrastive=1"], set()),
        (["--loss.identity=0"], {"classifier.weight", "bottleneck.weight", "logit_scale"}),
        (
            ["--loss.identity=0", "--model.feature=neck"],
            {"classifier.weight", "logit_scale"},
        ),
        (
            ["--loss.identity=0", "--model.method=sdf_net", "--model.feature=neck"],
            {"classifier.weight", "bottleneck_fuse.weight", "logit_scale"},
        ),
    ],
)
def test_weights_that_no_loss_hangs_on_are_frozen(
    data: Path, tmp_path: Path, more: list[str], idle: set[str]
) -> None:
    """All others have a gradient after a batch; statistics have seen nothing before it."""
    run, task = prepare_reid(config(data, tmp_path / "a", *more))
    weights = dict(task.model.named_parameters())
    neck = task.model.get_submodule(task.model.neck_name)
    always = {f"{task.model.neck_name}.bias"}
    assert {name for name, one in weights.items() if not one.requires_grad} - always == idle
    assert not torch.as_tensor(neck.running_mean).any()
    found = gradients(run, task)
    assert set(weights) - set(found) - always == idle
