"""Pretraining on tiny pairs: the same weights whatever interrupts it, however many share it, however it is chunked."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from crosswake.cli.main import main
from crosswake.cli.pretrain import parse, unseen_pairs
from crosswake.config import PretrainConfig
from crosswake.training.pair_learner import PairLearner
from crosswake.training.pairs import PairJob, prepare_pretraining, pretrain
from crosswake.training.run import Run
from tests.datasets.making import write_image
from tests.datasets.pairs.making import write_dfc23, write_scenes, write_terrain
from tests.training.running import (
    assert_equal_runs,
    launch,
    skip_without_compiler,
    wait_for_row,
    weights,
    without_clock,
)

SMALL = [
    "--model.image_size=[32,16]",
    "--model.width=32",
    "--model.depth=2",
    "--model.heads=2",
    "--model.drop_path=0.1",
    "--batch.pairs=8",
    "--crops=8",
    "--optimiser.name=adamw",
    "--optimiser.lr=0.001",
    "--validation.fraction=0.3",
    "--validation.every=2",
    "--device=cpu",
    "--quiet",
]


def write_places(root: Path, count: int = 6, side: int = 64) -> Path:
    """Scenes whose blobs are bright in both sensors, half of the last two declared ``val``."""
    rows = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        blobs = np.kron(random.random((side // 8, side // 8)), np.ones((8, 8)))
        optical = np.clip(255 * blobs + random.normal(0, 8, (3, side, side)), 0, 255).astype(np.uint8)
        radar = np.clip(255 * blobs * random.gamma(8.0, 1 / 8, (1, side, side)), 0, 255).astype(np.uint8)
        write_image(root / "opt" / f"{seed:03d}.png", optical, "PNG")
        write_image(root / "sar" / f"{seed:03d}.png", radar, "PNG")
        rows.append({"file": f"{seed:03d}.png", "split": "val" if seed >= count - 2 else "train"})
    (root / "scenes.json").write_text(json.dumps(rows))
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("places"))


def words(data: Path, output: Path, *more: str) -> list[str]:
    return [f"--data={data}", f"--output={output}", "--evaluate=false", *SMALL, *more]


def config(data: Path, output: Path, *more: str) -> PretrainConfig:
    return parse(words(data, output, *more))


@pytest.fixture(scope="module")
def whole_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "whole"
    pretrain(config(data, output, "--epochs=4"))
    return output


def test_a_run_writes_its_folder(whole_run: Path, data: Path) -> None:
    names = {path.name for path in whole_run.iterdir()}
    assert names >= {"settings.yaml", "metrics.csv", "last.pt", "best.pt"}
    assert not any(name.startswith("pairs-") for name in names), "decoded pairs of a finished run are cleared away"
    rows = without_clock(whole_run)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["val_o2s_mAP"]) for row in rows] == [False, True, False, True]
    assert parse(["--config", str(whole_run / "settings.yaml")]) == config(data, whole_run, "--epochs=4")


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data: Path, whole_run: Path, tmp_path: Path) -> None:
    pretrain(config(data, tmp_path / "again", "--epochs=4"))
    assert_equal_runs(whole_run, tmp_path / "again")
    pretrain(config(data, tmp_path / "other", "--epochs=1", "--seed=1"))
    key = "base.blocks.0.mlp.fc1.weight"
    assert not torch.equal(weights(tmp_path / "other")[key], weights(whole_run)[key])


LONG = ["--epochs=40", "--crops=24", "--batch.pairs=4", "--validation.every=20"]


@pytest.fixture(scope="module")
def long_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    output = tmp_path_factory.mktemp("runs") / "long"
    pretrain(config(data, output, *LONG))
    return output


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_interrupted_pretraining_goes_on_as_if_nothing_had_been(
    data: Path, long_run: Path, tmp_path: Path, how: signal.Signals
) -> None:
    output = tmp_path / "stopped"
    process = launch("pretrain", words(data, output, *LONG))
    wait_for_row(output, process)
    process.send_signal(how)
    _, complaint = process.communicate(timeout=60)
    rows = without_clock(output)
    assert 1 <= len(rows) < 40, "the run ended before it could be stopped"
    assert list(output.glob("pairs-*.u8")), "what is decoded stays for the run to go on"
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "go on with: crosswake pretrain --resume --output" in complaint
    assert main(["pretrain", "--resume", "--output", str(output), "--quiet"]) == 0
    assert_equal_runs(long_run, output)
    assert without_clock(long_run) == without_clock(output)


@pytest.mark.parametrize("more", [[], ["--batch.chunk=2"]], ids=["whole", "chunks"])
def test_two_processes_learn_as_one(data: Path, tmp_path: Path, more: list[str]) -> None:
    """Negatives come from both: two gloo processes give the weights of one with the joined batch."""
    long = ["--epochs=4", "--optimiser.name=sgd", "--optimiser.lr=0.02", "--model.feature=neck"]
    pretrain(config(data, tmp_path / "one", *long))
    process = launch("pretrain", words(data, tmp_path / "two", *long, "--devices=2", *more))
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)


def gradients(run: Run) -> dict[str, torch.Tensor]:
    job = run.job
    assert isinstance(job, PairJob)
    run.learner.train()
    run.optimiser.zero_grad()
    loss = job.backward(run, job.batches(1)[0], 0, 1.0)["loss"]
    found = {name: weight.grad.clone() for name, weight in run.model.named_parameters() if weight.grad is not None}
    return found | {"loss": loss.detach()}


@pytest.mark.parametrize("feature", ["raw", "neck"])
@pytest.mark.parametrize("pooling", ["class", "grid"])
def test_chunks_have_the_gradient_of_the_whole_batch(data: Path, tmp_path: Path, feature: str, pooling: str) -> None:
    settings = [f"--model.feature={feature}", f"--model.pooling={pooling}"]
    whole = gradients(prepare_pretraining(config(data, tmp_path / "a", *settings)))
    chunked = gradients(prepare_pretraining(config(data, tmp_path / "b", *settings, "--batch.chunk=2")))
    assert whole.keys() == chunked.keys()
    assert ("bottleneck.weight" in whole) == (feature == "neck")
    assert "logit_scale" in whole
    for name, expected in whole.items():
        torch.testing.assert_close(chunked[name], expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("setting", ["--recompute_blocks", "--compile", "--fused=false"])
def test_settings_of_speed_and_memory_keep_the_gradient(data: Path, tmp_path: Path, setting: str) -> None:
    if setting == "--compile":
        skip_without_compiler()
    plain = gradients(prepare_pretraining(config(data, tmp_path / "a")))
    for name, more in (("b", []), ("c", ["--batch.chunk=2"])):
        changed = gradients(prepare_pretraining(config(data, tmp_path / name, setting, *more)))
        assert plain.keys() == changed.keys()
        for key, expected in plain.items():
            torch.testing.assert_close(changed[key], expected, rtol=1e-4, atol=2e-6, msg=key)


def test_the_loss_is_the_symmetric_one_recomputed(data: Path, tmp_path: Path) -> None:
    run = prepare_pretraining(config(data, tmp_path / "a"))
    learner: PairLearner = run.learner.module
    features = torch.randn(1, 2, 4, 32)
    same = torch.eye(4, dtype=torch.bool)
    same[1, 2] = same[2, 1] = True
    optical, sar = (torch.nn.functional.normalize(half) for half in features[0])
    logits = (run.model.logit_scale.exp() * sar @ optical.T).detach().double().numpy()
    expected = 0.0
    for matrix in (logits, logits.T):
        for row in range(4):
            share = np.exp(matrix[row]) / np.exp(matrix[row]).sum()
            expected -= np.log(share[same[row].numpy()].sum()) / 8
    found = learner.losses(features, same)["loss"].item()
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_temperature_starts_as_set_and_stays_above_a_hundredth(data: Path, tmp_path: Path) -> None:
    run = prepare_pretraining(config(data, tmp_path / "a", "--loss.temperature=0.05"))
    assert run.model.logit_scale.exp().item() == pytest.approx(20, rel=1e-5)
    run.model.logit_scale.data.fill_(9.0)
    run.learner.module.losses(torch.randn(1, 2, 4, 32), torch.eye(4, dtype=torch.bool))
    assert run.model.logit_scale.exp().item() == pytest.approx(100, rel=1e-5)


def test_it_learns_to_find_places_it_never_saw(tmp_path: Path) -> None:
    root = write_places(tmp_path / "places", count=16)
    shape = ["--model.pooling=grid", "--model.stem=conv", "--model.drop_path=0"]
    shape += ["--augment.shared=true", "--augment.erase=0", "--augment.pad=0"]
    more = ["--epochs=25", "--crops=4", "--optimiser.lr=0.003", *shape]
    assert main(["pretrain", *[word for word in words(root, tmp_path / "a", *more) if "evaluate" not in word]]) == 0
    record = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert "split val" in record["measured_on"]
    assert (tmp_path / "a" / "report.html").stat().st_size > 50_000
    rows = without_clock(tmp_path / "a")
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    chance = sum(1 / rank for rank in range(1, 5)) / 4
    assert max(float(row["val_o2s_mAP"]) for row in rows if row["val_o2s_mAP"]) > chance


def test_pairs_of_another_split_take_no_part(data: Path, tmp_path: Path) -> None:
    run = prepare_pretraining(config(data, tmp_path / "a"))
    assert isinstance(run.job, PairJob)
    seen = {pair.scene for pair in (*run.job.store.pairs, *run.job.held)}
    assert seen == {f"{data.name}/00{number}" for number in range(4)}
    assert not {pair.scene for pair in run.job.store.pairs} & {pair.scene for pair in run.job.held}
    unseen = unseen_pairs(run.job)
    assert unseen is not None
    assert {chip.scene for chip in unseen.query} == {f"{data.name}/00{number}" for number in (4, 5)}
    both = prepare_pretraining(config(data, tmp_path / "b", '--splits=["train","val"]', "--validation.fraction=0"))
    assert isinstance(both.job, PairJob)
    assert len(both.job.store) == 6
    assert unseen_pairs(both.job) is None


def test_every_layout_is_learnt_from(tmp_path: Path) -> None:
    """SEN1-2 by terrain, DFC23 with float SAR and litter, scenes, and the OptiSar_Pair built of them, whole or cut."""
    write_terrain(tmp_path / "sen12")
    write_dfc23(tmp_path / "dfc23")
    write_scenes(tmp_path / "scenes")
    built = tmp_path / "built"
    sources = ["--sen12", str(tmp_path / "sen12"), "--dfc23", str(tmp_path / "dfc23"), "--scenes"]
    cut = [str(tmp_path / "scenes"), "--crop_size", "32", "32", "--quiet"]
    assert main(["data", "pairs", str(built), *sources, *cut]) == 0
    for name in ("sen12", "dfc23", "scenes", "built"):
        for crops in ("0", "2"):
            output = tmp_path / f"{name}-{crops}"
            more = ["--epochs=1", f"--crops={crops}", "--batch.pairs=4", "--augment.shared=true"]
            assert main(["pretrain", *words(tmp_path / name, output, *more)]) == 0
            assert np.isfinite(float(without_clock(output)[0]["loss"]))


def test_a_cache_serves_later_runs(data: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    pretrain(config(data, tmp_path / "a", "--epochs=1", f"--cache={cache}"))
    (decoded,) = cache.glob("pairs-*.u8")
    before = decoded.stat().st_mtime_ns
    pretrain(config(data, tmp_path / "b", "--epochs=1", f"--cache={cache}"))
    assert decoded.stat().st_mtime_ns == before
    assert_equal_runs(tmp_path / "a", tmp_path / "b")


def test_finetuning_starts_from_it(data: Path, whole_run: Path, tmp_path: Path) -> None:
    from crosswake.config import ModelConfig
    from crosswake.models.transoss import TransOSS
    from crosswake.models.weights import load_into, read_weights

    shape = ModelConfig(image_size=(32, 16), width=32, depth=2, heads=2, sse=False)
    model = TransOSS(shape, identities=5)
    report = load_into(model, read_weights(whole_run / "best.pt"))
    assert report.missing == ("classifier.weight",)
    assert torch.equal(model.base.pos_embed, weights(whole_run, "best.pt")["base.pos_embed"])


def test_mistakes_are_one_line(data: Path, whole_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    junk = tmp_path / "junk.pt"
    junk.write_bytes(b"not weights")
    lonely = write_places(tmp_path / "lonely", count=3)
    cases: list[tuple[list[str], list[str]]] = [
        (["--epochs=1"], ["--data"]),
        (["--config", "demo"], ["--config", "is demo meant for crosswake pretrain?"]),
        (["--data", str(empty), "--output", str(tmp_path / "x")], ["--data", "no optical-SAR pairs"]),
        (words(data, whole_run), ["--resume", "holds a run"]),
        (words(data, whole_run, "--resume", "--epochs=9"), ["--epochs", "has 4, not 9"]),
        (words(data, tmp_path / "x", "--model.sse=true"), ["--model.sse", "false"]),
        (words(data, tmp_path / "x", "--crops=0", "--augment.offset=2"), ["--augment.offset", "--crops"]),
        (words(data, tmp_path / "x", "--batch.chunk=3"), ["--batch.chunk", "do not divide"]),
        (words(data, tmp_path / "x", "--splits=[test]"), ["--splits", "train, val"]),
        (words(data, tmp_path / "x", "--model.image_size=[128,64]"), ["none of", "hold no window of 128 x 64"]),
        (words(data, tmp_path / "x", "--devices=3"), ["--devices", "do not divide"]),
        (words(data, tmp_path / "x", f"--init={junk}"), ["junk.pt"]),
        (words(lonely, tmp_path / "x", "--crops=0"), ["lonely", "single place", "--crops"]),
    ]
    for arguments, parts in cases:
        assert main(["pretrain", *arguments]) == 2, arguments
        complaint = capsys.readouterr().err.strip().splitlines()[-1]
        assert complaint.startswith("crosswake: ")
        for part in parts:
            assert part in complaint
    assert not (tmp_path / "x").exists() or not list((tmp_path / "x").iterdir()), "a refused run leaves nothing behind"


def test_bad_pairs_are_left_out_or_stop_a_strict_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_places(tmp_path / "data")
    victim = root / "sar" / "001.png"
    victim.write_bytes(victim.read_bytes()[:200])
    noisy = [word for word in words(root, tmp_path / "a", "--epochs=1", "--validation.fraction=0") if word != "--quiet"]
    assert main(["pretrain", *noisy]) == 0
    assert f"left out {victim}" in capsys.readouterr().out
    assert main(["pretrain", *words(root, tmp_path / "b", "--epochs=1", "--validation.fraction=0", "--strict")]) == 2
    assert victim.name in capsys.readouterr().err


def test_files_mended_in_place_are_decoded_again(tmp_path: Path) -> None:
    """And another folder of the same names and sizes is not taken for the first."""
    one, other, cache = write_places(tmp_path / "a" / "data"), write_places(tmp_path / "b" / "data"), tmp_path / "cache"
    for number, root in enumerate((one, other)):
        pretrain(config(root, tmp_path / f"run{number}", "--epochs=1", f"--cache={cache}"))
        assert len(list(cache.glob("pairs-*.u8"))) == number + 1


def test_a_run_without_two_places_to_measure_on_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_places(tmp_path / "data", count=5)
    (root / "scenes.json").unlink()
    few = [word for word in words(root, tmp_path / "a", "--epochs=1") if word not in ("--evaluate=false", "--quiet")]
    assert main(["pretrain", *few, "--validation.fraction=0.2"]) == 0
    assert "no pairs of other scenes" in capsys.readouterr().out


def test_an_interruption_between_epochs_of_one_batch_is_heard(data: Path, tmp_path: Path) -> None:
    one_batch = ["--epochs=3000", "--batch.pairs=64", "--crops=8", "--validation.fraction=0"]
    process = launch("pretrain", words(data, tmp_path / "a b", *one_batch))
    wait_for_row(tmp_path / "a b", process)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"crosswake pretrain --resume --output '{tmp_path / 'a b'}'" in complaint
