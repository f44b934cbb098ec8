"""Writes the graph of a model: ONNX, ONNX with 8-bit weights, or PyTorch's own exported program."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crosswake import __version__
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.models.checkpoints import count_parameters
from crosswake.models.embedder import Embedder
from crosswake.models.onnx import INPUTS, METADATA_KEY, ONNX_FORMAT, OUTPUT
from crosswake.settings.common import plain
from crosswake.settings.export import ExportFormat

OPSET = 20  # the first with Gelu as one operator; onnxruntime has it since 1.17
MOST_CHIPS = 65536
METADATA_FILE = f"{METADATA_KEY}.json"


def write_graph(embedder: Embedder, path: Path, kind: ExportFormat, origin: Origin) -> None:
    """Write the model's graph: uint8 pictures, modality and size in, embeddings of length 1 out,
    any batch.

    Pictures go in as 8 bit, so that whoever runs the graph has neither mean nor deviation to get
    wrong, and a quarter of the bytes to move.

    Args:
        embedder: the model, on the CPU in fp32.
        path: where to; a file of that name is overwritten.
        kind: the format.
        origin: what the file is made from; it says so.

    Raises:
        CrosswakeError: a package is missing.
    """
    if kind == "torch-export":
        write_program(embedder, path, origin)
        return
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, "export", f"--format {kind}")
    # A killed process leaves it under a name that the next one knows for a temporary file.
    start, _, end = path.name.rpartition("-")
    float_path = path.with_name(f"{start}-fp32-{end}") if kind == "onnx-int8" else path
    try:
        write_onnx(embedder, float_path)
        if kind == "onnx-int8":
            quantise(float_path, path)
    finally:
        if float_path != path:
            float_path.unlink(missing_ok=True)
    add_metadata(path, graph_metadata(embedder, kind), origin)


def write_program(embedder: Embedder, path: Path, origin: Origin) -> None:
    """Write what ``torch.export.load(path).module()`` reads back."""
    with quietly():
        program = torch.export.export(
            embedder.graph, example_inputs(embedder), dynamic_shapes=dynamic_batch(), strict=False
        )
        extra = {
            METADATA_FILE: json.dumps(graph_metadata(embedder, "torch-export")),
            f"{ORIGIN_KEY}.json": origin_text(origin),
        }
        content = io.BytesIO()  # on a full disk PyTorch's own writer ends the process
        torch.export.save(program, content, extra_files=extra)
    path.write_bytes(content.getbuffer())


def write_onnx(embedder: Embedder, path: Path) -> None:
    """Write the graph in float32 with PyTorch's dynamo exporter."""
    with quietly():
        program = torch.onnx.export(
            embedder.graph,
            example_inputs(embedder),
            dynamo=True,
            dynamic_shapes=dynamic_batch(),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            opset_version=OPSET,
            verbose=False,
        )
        if program is None:
            raise CrosswakeError(
                "--format onnx: this PyTorch gives no ONNX program; take torch >= 2.6"
            )
        program.save(str(path))


def quantise(source: Path, target: Path) -> None:
    """The same graph with the weights of matrix products in 8 bit, a scale for every output
    channel.

    Inputs of a product are quantised on the way, by their own range (onnxruntime's dynamic
    quantisation), so no calibration pictures are needed. Convolutions, which are 3 % of the work,
    and all else stay float32."""
    quantisation = require("onnxruntime.quantization", "export", "--format onnx-int8")
    with quietly():
        quantisation.quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=quantisation.QuantType.QInt8,
        )


def add_metadata(path: Path, meta: dict[str, Any], origin: Origin) -> None:
    """Put settings into an ONNX file, so that it needs no other."""
    onnx = require("onnx", "export", "--format onnx")
    model = onnx.load(str(path))
    props = {METADATA_KEY: json.dumps(meta, sort_keys=True), ORIGIN_KEY: origin_text(origin)}
    onnx.helper.set_model_props(model, props)
    model.producer_name, model.producer_version = "crosswake", __version__
    onnx.save(model, str(path))


def graph_metadata(embedder: Embedder, kind: ExportFormat) -> dict[str, Any]:
    """What a reader of the file needs to prepare chips for it, and where it came from."""
    return {
        "format": ONNX_FORMAT,
        "precision": "int8" if kind == "onnx-int8" else "fp32",
        "model": plain(embedder.model.config),
        "parameters": count_parameters(embedder.model),
        "sar_radiometry": embedder.sar_radiometry,
        "sar_band": embedder.reading.sar_band,
        "exported_from": Path(embedder.source).name,
        "crosswake": __version__,
    }


def example_inputs(embedder: Embedder) -> tuple[Tensor, Tensor, Tensor]:
    """Two chips, one of either modality, to trace with."""
    pictures = torch.zeros(2, 3, *embedder.image_size, dtype=torch.uint8)
    return pictures, torch.tensor([0, 1]), torch.zeros(2, 3)


def dynamic_batch() -> tuple[dict[int, Any], ...]:
    """The first dimension of every input is one and the same free number."""
    batch = torch.export.Dim("batch", min=1, max=MOST_CHIPS)
    return ({0: batch}, {0: batch}, {0: batch})


@contextmanager
def quietly() -> Iterator[None]:
    """Without the exporters' remarks on their own workings; errors still come through."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
