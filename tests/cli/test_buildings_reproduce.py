"""Promise: `buildings reproduce` trains every model once, measures all on the same tiles beside the
published table, keeps what is finished, and says loudly when tiles are simulated."""

import json
from pathlib import Path

import pytest

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.settings.buildings_reproduce import BuildingsReproduceConfig
from crosswake.tasks.buildings.contenders import CONTENDERS, chosen_contenders, run_settings
from tests.data.tile_making import make_tiles

CHANGES = (
    *("epochs=1", "crop=64", "crops=1", "batch.tiles=4", "init=none", "model.width=8"),
    *("model.backbone=test_efficientnet", "validation.every=1"),
)


@pytest.mark.parametrize("budget", ["small", "published"])
@pytest.mark.parametrize("track", [1, 2])
def test_every_model_of_the_table_has_settings(track: int, budget: str, tmp_path: Path) -> None:
    config = BuildingsReproduceConfig(
        data=tmp_path,
        output=tmp_path / "out",
        track=track,  # type: ignore[arg-type]
        budget=budget,  # type: ignore[arg-type]
    )
    for one in chosen_contenders(config):
        if one.parts:
            continue
        run = run_settings(config, one, 3)
        assert (run.track, run.seed, run.evaluate, run.resume) == (track, 3, False, False)
        if "stacked" in one.name:
            assert (run.modalities, run.model.fusion) == ("both", "stacked")
        published = budget == "published" and "ours" not in one.name
        assert (run.model.backbone == "resnet50") == published


def test_published_figures_are_those_of_the_spec() -> None:
    found = {
        (track, one.name): dict(one.published)
        for track, models in CONTENDERS.items()
        for one in models
        if one.published
    }
    assert found[1, "mask_rcnn_rgb"] == {"mAP": 16.3, "AP50": 28.1}
    assert found[2, "mask_rcnn_stacked"] == {"mAP": 18.6, "AP50": 43.6}
    assert found[2, "baseline_both"]["delta_1"] == 30.1


def test_an_unknown_model_is_one_line(tmp_path: Path) -> None:
    config = BuildingsReproduceConfig(data=tmp_path, only=("resnet",))
    with pytest.raises(CrosswakeError, match="--only: no model 'resnet'; there are: mask_rcnn_rgb"):
        chosen_contenders(config)


@pytest.mark.slow
def test_from_tiles_to_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_tiles(tmp_path / "data", tiles=2, references=("train", "val", "test"))
    marker = {"made_from": {"command": "buildings simulate"}}
    (data / "simulated.json").write_text(json.dumps(marker))
    output = tmp_path / "out"
    words = ["buildings", "reproduce", f"--data={data}", f"--output={output}", "--track=2"]
    words += ["--budget=small", "--device=cpu", "--draws=20"]
    words += [f"--only={name}" for name in ("ours_rgb", "ours_both")]
    words += [f"--change={change}" for change in CHANGES]
    assert main(words) == 0
    assert "SIMULATED TILES" in capsys.readouterr().out
    rows = json.loads((output / "reproduce.json").read_text())["rows"]
    assert [row["model"] for row in rows] == ["ours_rgb", "ours_both"]
    assert "delta_1" in rows[0]["ours_both_less_this"]
    assert "SIMULATED TILES" in (output / "report.html").read_text()
    stamps = [path.stat().st_mtime_ns for path in sorted(output.glob("*/best.pt"))]
    assert main(words) == 0
    assert stamps == [path.stat().st_mtime_ns for path in sorted(output.glob("*/best.pt"))]
    assert json.loads((output / "reproduce.json").read_text())["rows"] == rows
