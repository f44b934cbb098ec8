"""Promise: a run learns from chips that judgements joined, and goes on only with the same ones."""

from pathlib import Path

import pytest
from pytest import CaptureFixture

from crosswake.cli.main import main
from crosswake.cli.train import gallery_judgements
from crosswake.core.errors import CrosswakeError
from crosswake.gallery.judgements import Judgement, Verdict, record_judgement, undo
from crosswake.tasks.reid.task import ReidTask, prepare_reid
from tests.gallery.making import made_gallery, made_sightings
from tests.parsing import parse_training
from tests.tiny import tiny_hoss
from tests.training.small import run, words


def test_training_with_judgements(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    chips = sorted((tiny_hoss(tmp_path, train=6) / "bounding_box_train").iterdir())
    lines = ["path,identity,modality"]
    for chip in chips:
        ship, tag = chip.stem.split("_")[0], chip.stem.split("_")[2]
        known = ship if int(ship) <= 4 else ""
        lines.append(f"{chip},{known},{'sar' if tag == 'SAR' else 'optical'}")
    table, judged = tmp_path / "ships.csv", tmp_path / "judged.csv"
    table.write_text("\n".join(lines) + "\n")
    five = [chip for chip in chips if chip.stem.startswith("0005")]
    same = [f"{five[0]},{other},same" for other in five[1:]]
    apart = f"{five[1]},{chips[0]},different"
    judged.write_text("\n".join(["query,candidate,verdict", *same, apart]) + "\n")

    more = [f"--judgements={judged}", "--epochs=1", "--validation.fraction=0", "--evaluate=false"]
    more.append("--batch.identities=2")
    output = tmp_path / "run"
    _, task = run("train", table, output, *more)
    assert isinstance(task, ReidTask)
    assert task.size == 5 * 4
    assert task.identities == ["0001", "0002", "0003", "0004", "judged-1"]
    assert task.data.told_apart == (("0001", "judged-1"),)
    assert len(task.data.unnamed) == 4
    for batch in task.batches(3):
        names = {task.store.chips[at].identity for at in batch}
        assert "judged-1" not in names or names == {"0001", "judged-1"}

    judged.write_text("\n".join(["query,candidate,verdict", *same]) + "\n")
    assert main(["train", *words("train", table, output, *more, "--resume")]) == 2
    assert "differs from the data that the run" in capsys.readouterr().err


def test_training_with_the_judgements_of_a_gallery(tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    chips = sorted((tiny_hoss(tmp_path, train=6) / "bounding_box_train").iterdir())
    lines = ["path,identity,modality"]
    for chip in chips:
        ship, tag = chip.stem.split("_")[0], chip.stem.split("_")[2]
        known = ship if int(ship) <= 4 else ""
        lines.append(f"{chip},{known},{'sar' if tag == 'SAR' else 'optical'}")
    table = tmp_path / "ships.csv"
    table.write_text("\n".join(lines) + "\n")
    count = len(chips)
    place = str(tmp_path / "gallery")
    gallery = made_gallery(place, made_sightings(count, path=list(map(str, chips))))
    ids = dict(zip(map(str, chips), made_sightings(count)["id"].to_pylist(), strict=True))
    five = [ids[str(chip)] for chip in chips if chip.stem.startswith("0005")]

    def judge(one: str, other: str, verdict: Verdict) -> str:
        return record_judgement(gallery, Judgement(query=one, candidate=other, verdict=verdict))

    for other in five[1:]:
        judge(five[0], other, "same")
    judge(five[1], ids[str(chips[0])], "different")
    undo(gallery, judge(ids[str(chips[0])], ids[str(chips[-1])], "same"))
    more = [f"--judgements={place}", "--epochs=1", "--validation.fraction=0", "--evaluate=false"]
    config = parse_training(words("train", table, tmp_path / "run", *more))
    _, task = prepare_reid(config, gallery_judgements(config))
    assert task.identities == ["0001", "0002", "0003", "0004", "judged-1"]
    assert task.data.told_apart == (("0001", "judged-1"),)

    wrong = judge(five[0], five[2], "different")
    judge(five[1], five[2], "same")
    with pytest.raises(CrosswakeError, match=f"{place}, judgement {wrong}: says different"):
        prepare_reid(config, gallery_judgements(config))


def test_a_folder_that_is_no_gallery(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    data = tiny_hoss(tmp_path / "ships", train=2)
    more = f"--judgements={tmp_path / 'ships'}"
    assert main(["train", *words("train", data, tmp_path / "run", more)]) == 2
    assert "ships: there is no gallery; make one with" in capsys.readouterr().err
