"""Promise: the file gives PyTorch's embeddings for any batch and either modality, or it is not
written."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.data.pixels import read_pixels
from crosswake.data.radiometry import to_uint8
from crosswake.data.sources.hoss import read_hoss
from crosswake.exporting import run as exporting
from crosswake.exporting.agreement import Agreement, chips_of, generated, uneven_batches
from crosswake.exporting.graph import write_graph
from crosswake.exporting.run import comparison, default_output, export
from crosswake.models.embedder import load_torch
from crosswake.models.onnx import METADATA_KEY
from crosswake.settings.export import ExportConfig, ExportFormat
from tests.data.pair_making import write_scenes
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
pytest.importorskip("onnxscript", reason="the extra [export] is not installed")


def export_to(weights: Path, kind: ExportFormat, output: Path, **more: Any) -> Agreement:
    config = ExportConfig(checkpoint=weights, format=kind, output=output, quiet=True, **more)
    return export(config)[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.pth")


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hoss(tmp_path_factory.mktemp("ships"))


@pytest.fixture(scope="module")
def graph(weights: Path) -> Path:
    output = default_output(weights, "onnx")
    export_to(weights, "onnx", output)
    return output


def test_an_onnx_file_is_used_like_the_weights(weights: Path, ships: Path, graph: Path) -> None:
    chips = read_hoss(ships).all_chips()
    ours, theirs = crosswake.load(weights, device="cpu"), crosswake.load(graph, device="cpu")
    expected = ours.embed(chips)
    for size in (1, 7, 64):
        np.testing.assert_allclose(theirs.embed(chips, batch_size=size), expected, atol=1e-5)
    for modality in Modality:
        some = [chip for chip in chips if chip.modality is modality]
        np.testing.assert_allclose(theirs.embed(some), ours.embed(some), atol=1e-5)
    assert theirs.embed([]).shape == (0, 64)
    assert (theirs.width, theirs.image_size, theirs.sar_radiometry) == (64, (64, 32), "max")
    known, told = ours.describe(), theirs.describe()
    assert told.keys() == known.keys()
    assert told["parameters"] == known["parameters"]
    assert told["model"] == json.loads(json.dumps(known["model"]))
    assert theirs.attention_maps(chips) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mie": False, "sse": False},
        {"feature": "neck", "stride": 12},
        {"stem": "conv", "image_size": (96, 48)},
    ],
    ids=str,
)
def test_every_shape_of_model_exports(tmp_path: Path, changes: dict[str, Any]) -> None:
    weights = tiny_weights(tmp_path / "w.pth", sar_radiometry="log", **changes)
    found = export_to(weights, "onnx", tmp_path / "w.onnx", chips=9)
    assert found.cosine.min() > 0.99999
    assert crosswake.load(tmp_path / "w.onnx").sar_radiometry == "log"


def test_int8_is_near_and_smaller(weights: Path, ships: Path, graph: Path, tmp_path: Path) -> None:
    output = tmp_path / "int8.onnx"
    found = export_to(weights, "onnx-int8", output, data=ships)
    assert (found.chips, found.measured_on) == (32, f"chips of {ships.name}")
    assert 0.99 <= found.cosine.min() < 1.0
    assert output.stat().st_size < graph.stat().st_size
    chips = read_hoss(ships).all_chips()
    near = crosswake.load(output, device="cpu")
    cosine = (near.embed(chips) * crosswake.load(weights, device="cpu").embed(chips)).sum(axis=1)
    assert cosine.min() >= 0.99
    assert near.describe()["precision"] == "int8"
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


def test_a_pytorch_program_runs_without_this_package(weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "tiny.pt2"
    export_to(weights, "torch-export", output)
    extra = {"crosswake.json": ""}
    program = torch.export.load(output, extra_files=extra)
    assert json.loads(extra["crosswake.json"])["model"]["image_size"] == [64, 32]
    store = generated((64, 32), 5)
    found = program.module()(store.pictures, store.modality, store.size)
    expected = load_torch(weights, device="cpu").embed_store(store)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_a_graph_that_does_not_agree_is_not_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    def write_another(embedder: Any, path: Path, kind: Any, origin: Any) -> None:
        other = load_torch(tiny_weights(tmp_path / "other" / "w.pth", seed=5), device="cpu")
        write_graph(other, path, kind, origin)

    monkeypatch.setattr(exporting, "write_graph", write_another)
    output = tmp_path / "out" / default_output(Path("wrong"), kind).name
    with pytest.raises(
        CrosswakeError, match=rf"{output.name}: not written, for the graph does not agree"
    ):
        export_to(weights, kind, output)
    assert not output.parent.exists()


def test_not_a_number_is_no_agreement() -> None:
    for cosine, difference in ((np.nan, 0.0), (1.0, np.nan), (0.98, 0.01)):
        found = Agreement(
            measured_on="chips", chips=1, cosine=np.array([cosine]), difference=difference
        )
        with pytest.raises(CrosswakeError):
            found.require("onnx-int8", Path("x.onnx"))
    good = Agreement(measured_on="chips", chips=1, cosine=np.array([0.98]), difference=0.1)
    good.require("onnx-int8", Path("x.onnx"), min_cosine=0.97)
    exact = Agreement(measured_on="chips", chips=1, cosine=np.array([1 - 2e-7]), difference=0.0)
    exact.require("onnx", Path("x.onnx"), min_cosine=1.0)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        (
            "x.parquet",
            "onnx",
            r"--output: .*x\.parquet must end in \.onnx, as a file of --format onnx does",
        ),
        ("x.onnx", "torch-export", r"must end in \.pt2"),
        ("folder.onnx", "onnx-int8", r"folder\.onnx is a folder; name a file"),
        ("file/x.onnx", "onnx", r"x\.onnx: cannot be written \(.*\); choose another --output"),
        (
            "file/deep/x.pt2",
            "torch-export",
            r"x\.pt2: cannot be written \(.*\); choose another --output",
        ),
    ],
)
def test_outputs_that_will_not_do(
    weights: Path, tmp_path: Path, name: str, kind: Any, said: str
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    for file in ("file", "x.parquet"):
        (tmp_path / file).write_text("somebody's")
    with pytest.raises(CrosswakeError, match=said):
        export_to(weights, kind, tmp_path / name)
    assert (tmp_path / "x.parquet").read_text() == "somebody's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx", "x.parquet"]


def test_halves_of_pairs_are_chips_to_compare_on(weights: Path, tmp_path: Path) -> None:
    store, measured_on = comparison(
        load_torch(weights, device="cpu"), write_scenes(tmp_path / "coast"), 4
    )
    assert [chip.path.name for chip in store.chips] == ["001.png", "002.png"] * 2
    assert [chip.modality for chip in store.chips] == [Modality.OPTICAL] * 2 + [Modality.SAR] * 2
    assert measured_on == "chips of coast"


def test_chips_to_compare_on_are_of_both_modalities_and_the_batches_uneven(ships: Path) -> None:
    chips = chips_of(read_hoss(ships), 10)
    assert [chip.modality for chip in chips] == [Modality.OPTICAL] * 5 + [Modality.SAR] * 5
    assert len(set(chips)) == 10
    assert len(chips_of(read_hoss(ships), 1000)) == 40
    parts = list(uneven_batches(40))
    assert [part.stop - part.start for part in parts] == [1, 2, 4, 8, 16, 16]
    assert parts[-1].stop >= 40


@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_an_export_of_other_weights_is_not_replaced(
    weights: Path, tmp_path: Path, kind: Any
) -> None:
    output = default_output(tmp_path / "tiny.pth", kind)
    other = tiny_weights(tmp_path / "other" / "w.pth", seed=5)
    output.write_bytes(b"of another program")
    for overwrite in (False, True):
        with pytest.raises(CrosswakeError, match="was not written by crosswake export"):
            export_to(weights, kind, output, overwrite=overwrite)
    output.unlink()
    export_to(weights, kind, output)
    before = output.read_bytes()
    with pytest.raises(CrosswakeError, match=r"weights \w+, not \w+; .* or add --overwrite"):
        export_to(other, kind, output)
    assert output.read_bytes() == before
    export_to(weights, kind, output)  # the same again is fine
    export_to(other, kind, output, overwrite=True)
    assert output.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [output.name]


def test_files_that_are_not_ours(graph: Path, tmp_path: Path) -> None:
    import onnx

    with pytest.raises(CrosswakeError, match="no such ONNX file"):
        crosswake.load(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(CrosswakeError, match="not a readable ONNX file"):
        crosswake.load(broken)
    foreign = tmp_path / "foreign.onnx"
    model = onnx.load(str(graph))
    del model.metadata_props[:]
    onnx.save(model, str(foreign))
    with pytest.raises(CrosswakeError, match="not made by crosswake export"):
        crosswake.load(foreign)
    with pytest.raises(CrosswakeError, match="--precision bf16: an ONNX file has its own"):
        crosswake.load(graph, precision="bf16")
    with pytest.raises(CrosswakeError, match="is exported already"):
        export_to(graph, "onnx", tmp_path / "again.onnx")


def test_without_the_packages_one_line_says_what_to_install(
    weights: Path, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        CrosswakeError, match=r"needs the package onnxruntime: pip install 'crosswake\[export\]'"
    ):
        crosswake.load(graph)
    with pytest.raises(CrosswakeError, match=r"^--format onnx-int8 needs the package onnxruntime"):
        export_to(weights, "onnx-int8", tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_the_documented_way_to_run_it_elsewhere_gives_the_same(ships: Path, graph: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "embedding.md").read_text(
        encoding="utf-8"
    )
    (block,) = [
        code
        for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        if "onnxruntime" in code
    ]
    names: dict[str, Any] = {}
    exec(block, names)
    for modality in Modality:
        chip = next(chip for chip in read_hoss(ships).query if chip.modality is modality)
        pixels = read_pixels(chip.path)
        image = Image.fromarray(to_uint8(pixels, modality, "max"))
        metres = chip.ground_extent(*pixels.shape[:2])
        found = names["embed"](str(graph), image, modality is Modality.SAR, metres)
        np.testing.assert_allclose(
            found, crosswake.load(graph, device="cpu").embed([chip])[0], atol=1e-6
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sar_radiometry": "banana"}, "'sar_radiometry': expected one of max.*, got banana"),
        ({"precision": None}, "'precision': expected one of fp32, int8, got None"),
        ({"bogus": 1}, "has a setting 'bogus', which this version does not know"),
        ({"model": {"width": 24}}, "its inputs or output are not those of the model"),
        ({"model": {"width": 128, "depth": "2"}}, "'depth': expected a whole number, got 2"),
        ({"format": ["crosswake-onnx-1"]}, "was not made by crosswake export"),
    ],
)
def test_what_an_onnx_file_says_of_itself_is_judged(
    graph: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    import onnx

    model, path = onnx.load(str(graph)), tmp_path / "w.onnx"
    meta = json.loads(model.metadata_props[0].value)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(meta | change)})
    onnx.save(model, str(path))
    with pytest.raises(CrosswakeError, match=rf"w\.onnx: .*{said}"):
        crosswake.load(path)


@pytest.mark.parametrize("factor", [0.5, float("nan")])
def test_what_is_no_embedding_is_refused(graph: Path, tmp_path: Path, factor: float) -> None:
    import onnx
    from onnx import helper, numpy_helper

    model, path = onnx.load(str(graph)), tmp_path / "w.onnx"
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["whole" if name == output.name else name for name in node.output]
    scale = numpy_helper.from_array(np.array(factor, np.float32), "factor")
    model.graph.initializer.append(scale)
    model.graph.node.append(helper.make_node("Mul", ["whole", "factor"], [output.name]))
    onnx.save(model, str(path))
    with pytest.raises(CrosswakeError, match=r"w\.onnx: gives no embeddings of 64 numbers"):
        crosswake.load(path).embed_store(generated((64, 32), 3))
