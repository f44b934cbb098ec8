"""Promise: every example runs as its first lines say, and is short."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosswake.cli.main import main
from tests.data.pair_making import write_sen12
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(monkeypatch: pytest.MonkeyPatch, name: str, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_all_are_short_and_tested() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    assert {
        name: text.count("\n") for name, text in scripts.items() if text.count("\n") >= 60
    } == {}
    here, readme = Path(__file__).read_text(), (EXAMPLES / "README.md").read_text()
    for name in scripts:
        assert f'"{name}"' in here, f"{name} is not run here"
        assert f"`{name}`" in readme, f"{name} is not in the README"
    assert not re.search(r"^(from|import) (crosswake|torch)", scripts["run_onnx.py"], re.MULTILINE)


def test_simulate_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "simulate_fleet.py", tmp_path / "ships", "--identities", 6)
    assert "training: 16 chips of 4 ships" in capsys.readouterr().out
    assert (tmp_path / "ships.png").exists()


def test_train_on_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_hoss(tmp_path / "data", test=0)
    small = ["--epochs", "1", "--batch.identities", "4", "--model.depth", "1", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "train_on_table.py", data, tmp_path / "run", *small)
    assert ended.value.code == 0
    assert (tmp_path / "run" / "best.pt").exists()


def test_plot_cmc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, weights = tiny_hoss(tmp_path / "data"), tiny_weights(tmp_path / "tiny.pt")
    run(monkeypatch, "plot_cmc.py", weights, data, tmp_path / "cmc.png")
    assert re.findall(r"^(\w+): \d+ queries, mAP", capsys.readouterr().out, re.MULTILINE) == [
        "all",
        "o2s",
        "s2o",
    ]
    assert (tmp_path / "cmc.png").exists()


def test_search_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ships = tiny_hoss(tmp_path)
    folder, query = ships / "bounding_box_test", sorted((ships / "query").iterdir())[0]
    weights = tiny_weights(tmp_path / "tiny.pt")
    run(monkeypatch, "search_folder.py", weights, query, folder)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == f"most like {query.name}, of 12 chips:"
    assert len(lines) == 10
    assert re.match(r"  1  -?\d\.\d{5}  (optical|sar) +\S+\.tif$", lines[0])


def test_run_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    weights = tiny_weights(tmp_path / "tiny.pt")
    assert main(["export", "--checkpoint", str(weights), "--format", "onnx", "--quiet"]) == 0
    images = [tmp_path / "ship_RGB.png", tmp_path / "ship_SAR.png"]
    for seed, path in enumerate(images):
        pixels = np.random.default_rng(seed).integers(0, 256, (60, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    run(monkeypatch, "run_onnx.py", tmp_path / "tiny.onnx", images[0], images[0])
    run(monkeypatch, "run_onnx.py", tmp_path / "tiny.onnx", *images)
    same, other = re.findall(r"similarity (\S+)", capsys.readouterr().out)
    assert (float(same), float(other) < 1) == (1.0, True)


def test_read_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    optisar, sen12 = tmp_path / "optisar", write_sen12(tmp_path / "sen12")
    assert main(["data", "pairs", str(optisar), "--sen12", str(sen12), "--quiet"]) == 0
    run(monkeypatch, "read_pairs.py", optisar, tmp_path / "pairs.png")
    assert "8 pairs" in capsys.readouterr().out
    assert (tmp_path / "pairs.png").exists()
