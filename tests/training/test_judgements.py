"""Promise: a run learns from chips that judgements joined, and goes on only with the same ones."""

from pathlib import Path

from pytest import CaptureFixture

from crosswake.cli.main import main
from crosswake.tasks.reid.task import ReidTask
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
