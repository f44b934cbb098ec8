"""Promise: no embedding that is not a vector of finite numbers leaves the package unnoticed."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip
from crosswake.data.sources.open import open_reid
from crosswake.exporting.agreement import compare_outputs, generated
from crosswake.models.base import require_finite
from crosswake.models.embedder import load_torch
from crosswake.tasks.reid.measure import MeasureOptions, measure
from tests.tasks.fakes import FakeEmbedder, make_data, write_chip
from tests.tiny_models import tiny_weights


class Diverged(FakeEmbedder):
    """NaN or infinity for one chip."""

    def __init__(self, value: float, name: str) -> None:
        super().__init__()
        self.value, self.name = value, name

    def feature(self, chip: Chip) -> NDArray[np.float64]:
        return super().feature(chip) * (self.value if chip.path.stem == self.name else 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_chip_is_named(tmp_path: Path, value: float) -> None:
    data = open_reid(make_data(tmp_path))
    name = data.gallery[3].path.stem
    embedder = Diverged(value, name)
    for work in (
        lambda: measure(embedder, data, MeasureOptions(quiet=True)),
        lambda: embedder.embed(data.gallery),
    ):
        with (
            np.errstate(invalid="ignore"),
            pytest.raises(CrosswakeError, match=rf"{name}\.png: the embedding of this chip"),
        ):
            work()


def test_finite_ones_pass() -> None:
    require_finite(np.ones((2, 3)), ())


def test_embed_ends_with_an_error_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A size of 1e39 metres is infinite in single precision, and so is what the model makes of
    it; or it is refused with the table's line."""
    chip = write_chip(tmp_path, "0001_RGB")
    table, output = tmp_path / "one.csv", tmp_path / "one.parquet"
    table.write_text(f"path,identity,modality,width_m,height_m\n{chip},a,optical,3e38,100\n")
    weights = tiny_weights(tmp_path / "best.pt")
    words = ["--checkpoint", str(weights), "--data", str(table), "--output", str(output)]
    assert main(["embed", *words, "--device", "cpu", "--quiet"]) == 2
    assert not output.exists()
    assert len(capsys.readouterr().err.splitlines()[-1]) < 1000


def test_an_exported_graph_that_gives_nan_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = load_torch(tiny_weights(tmp_path / "best.pt"), device="cpu")
    store = generated(embedder.image_size, 4)
    monkeypatch.setattr(
        "crosswake.exporting.agreement.opened",
        lambda *_: lambda store, part: np.full((len(store.rows(part)), embedder.width), np.nan),
    )
    with pytest.raises(CrosswakeError, match="generated-0: the embedding of this chip"):
        compare_outputs(embedder, tmp_path / "x.onnx", "onnx", store, "generated pictures")
