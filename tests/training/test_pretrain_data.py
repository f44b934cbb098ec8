"""What pretraining learns from: splits, layouts, decoded files kept or made again, and pairs left
out."""

from pathlib import Path

import numpy as np
import pytest

from crosswake.cli.main import main
from crosswake.cli.pretrain import unseen_pairs
from crosswake.tasks.pretrain.task import prepare_pretraining
from tests.data.pair_making import write_dfc23, write_scenes, write_terrain
from tests.parsing import parse_pretraining as parse
from tests.training.running import assert_equal_runs, without_clock
from tests.training.small import Small, run, words, write_places


def test_pairs_of_another_split_take_no_part(pretrain_small: Small, tmp_path: Path) -> None:
    name = pretrain_small.data.name
    _, task = prepare_pretraining(parse(pretrain_small.words(tmp_path / "a")))
    seen = {pair.scene for pair in (*task.store.pairs, *task.held)}
    assert seen == {f"{name}/{number:03d}" for number in range(20)}
    assert not {pair.scene for pair in task.store.pairs} & {pair.scene for pair in task.held}
    unseen = unseen_pairs(task)
    assert unseen is not None
    assert {chip.scene for chip in unseen.query} == {f"{name}/020", f"{name}/021"}
    both = ['--splits=["train","val"]', "--validation.fraction=0"]
    _, task = prepare_pretraining(parse(pretrain_small.words(tmp_path / "b", *both)))
    assert len(task.store) == 22
    assert unseen_pairs(task) is None


@pytest.mark.slow
def test_every_layout_is_learnt_from(tmp_path: Path) -> None:
    """SEN1-2 by terrain, DFC23 with float SAR and litter, scenes, and the OptiSar_Pair built of
    them, whole or cut."""
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
            assert main(["pretrain", *words("pretrain", tmp_path / name, output, *more)]) == 0
            assert np.isfinite(float(without_clock(output)[0]["loss"]))


def test_a_cache_serves_later_runs(pretrain_small: Small, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    pretrain_small.run(tmp_path / "a", "--epochs=1", f"--cache={cache}")
    (decoded,) = cache.glob("pairs-*.u8")
    before = decoded.stat().st_mtime_ns
    pretrain_small.run(tmp_path / "b", "--epochs=1", f"--cache={cache}")
    assert decoded.stat().st_mtime_ns == before
    assert_equal_runs(tmp_path / "a", tmp_path / "b")


def test_a_cache_is_of_one_image_size(tmp_path: Path) -> None:
    """Which images hold a window hangs on it, in either order of the runs."""
    root = write_places(write_places(tmp_path / "data", count=12), count=6, side=32)
    more = (f"--cache={tmp_path / 'cache'}", "--validation.fraction=0")
    for number, (height, readable) in enumerate([(32, 10), (48, 6), (32, 10)]):
        size = f"--model.image_size=[{height},16]"
        _, task = prepare_pretraining(
            parse(words("pretrain", root, tmp_path / str(number), *more, size))
        )
        assert len(task.store) == readable


def test_files_mended_in_place_are_decoded_again(tmp_path: Path) -> None:
    """And another folder of the same names and sizes is not taken for the first."""
    cache = tmp_path / "cache"
    for number, place in enumerate("ab"):
        root = write_places(tmp_path / place / "data", count=6)
        run("pretrain", root, tmp_path / f"run{number}", "--epochs=1", f"--cache={cache}")
        assert len(list(cache.glob("pairs-*.u8"))) == number + 1


def test_bad_pairs_are_left_out_or_stop_a_strict_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_places(tmp_path / "data", count=6)
    victim = root / "sar" / "001.png"
    victim.write_bytes(victim.read_bytes()[:200])
    more = ["--epochs=1", "--validation.fraction=0"]
    assert main(["pretrain", *words("pretrain", root, tmp_path / "a", *more)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.partition(": ")[0] for line in said.err.splitlines()] == [
        f"left out {victim}",
        "1 file left out; --strict stops at the first",
    ]
    assert main(["pretrain", *words("pretrain", root, tmp_path / "b", *more, "--strict")]) == 2
    assert victim.name in capsys.readouterr().err


def test_too_few_places_choose_no_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place alone is always found, whatever the epoch: nothing is held out, and the last epoch is
    kept."""
    root = write_places(tmp_path / "data", count=5)
    (root / "scenes.json").unlink()
    arguments = words("pretrain", root, tmp_path / "a", "--epochs=2", "--validation.every=1")
    assert (
        main(
            [
                "pretrain",
                *[word for word in arguments if word not in ("--evaluate=false", "--quiet")],
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "on data: 5 pairs of 5 scenes, 3 windows of each an epoch\n" in said
    assert "fewer than 10 places in scenes that could be held out" in said
    assert "kept epoch 2 in" in said
    assert "no pairs of other scenes" in said
    assert "val_o2s_mAP" not in without_clock(tmp_path / "a")[0]


def test_held_out_places_that_cannot_be_read_do_not_count(tmp_path: Path) -> None:
    root = write_places(tmp_path / "data")
    _, task = prepare_pretraining(parse(words("pretrain", root, tmp_path / "a")))
    assert task.validates
    task.held[0].sar.write_bytes(b"no image")
    run, task = prepare_pretraining(parse(words("pretrain", root, tmp_path / "b")))
    assert not task.validates
    assert task.validate(run) is None
