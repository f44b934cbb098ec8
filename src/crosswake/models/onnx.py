"""An exported model ready for use, run by onnxruntime; it needs no weights beside its one file."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from crosswake.batches.stores import ChipStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.data.chips import Reading, SarBand
from crosswake.data.radiometry import SarRadiometry
from crosswake.models.base import ChipEmbedder
from crosswake.settings.common import Device, Precision, plain
from crosswake.settings.model import ModelConfig
from crosswake.settings.stored import restored

METADATA_KEY = "crosswake"
ONNX_FORMAT = "crosswake-onnx-1"
INPUTS = ("pictures", "modality", "size")
OUTPUT = "embedding"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """What export writes into a file, and a reader needs."""

    format: str
    model: ModelConfig
    precision: Literal["fp32", "int8"]
    parameters: int
    sar_radiometry: SarRadiometry
    sar_band: SarBand | None
    exported_from: str
    crosswake: str


class OnnxEmbedder(ChipEmbedder):
    """An ONNX graph made by ``crosswake export``; it has no attention maps.

    Args:
        session: the graph, opened by onnxruntime.
        facts: what export wrote into the file.
        device: ``cpu`` or ``cuda``, for reports.
        sar_radiometry: how SAR chips of other than 8 bit are scaled.
        source: the file it came from, for reports.
    """

    def __init__(
        self,
        session: Any,
        facts: GraphFacts,
        *,
        device: str,
        sar_radiometry: SarRadiometry,
        source: str,
    ) -> None:
        self.session, self.facts, self.device = session, facts, device
        self.sar_radiometry, self.source = sar_radiometry, source
        self.precision = facts.precision

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.facts.model.width

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width that chips are resized to, in pixels."""
        return self.facts.model.image_size

    def embed_store(self, store: ChipStore, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Embed chips that are decoded already; as :meth:`embed`."""
        parts = [
            self.run(store, slice(start, start + batch_size))
            for start in range(0, len(store), batch_size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.float32)

    def run(self, store: ChipStore, part: slice) -> NDArray[np.float32]:
        """One batch through the graph.

        Raises:
            CrosswakeError: it fails, or what comes out are no embeddings.
        """
        values = (store.pictures, store.modality, store.size)
        feed = {name: rows[part].numpy() for name, rows in zip(INPUTS, values, strict=True)}
        try:
            found = np.asarray(self.session.run([OUTPUT], feed)[0], np.float32)
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise CrosswakeError(
                f"{self.source}: the graph fails ({first_line(error)}); export it again"
            ) from error
        wanted = (len(feed[INPUTS[0]]), self.width)
        if found.shape != wanted or not np.allclose((found**2).sum(axis=1), 1.0, atol=1e-2):
            raise CrosswakeError(
                f"{self.source}: gives no embeddings of {self.width} numbers and length 1; "
                "export it again"
            )
        return found

    def describe(self) -> dict[str, Any]:
        """Settings and provenance, for reports."""
        return {
            "checkpoint": self.source,
            "model": plain(self.facts.model),
            "parameters": self.facts.parameters,
            "sar_radiometry": self.sar_radiometry,
            "device": self.device,
            "precision": self.precision,
            "weights": [f"exported from {self.facts.exported_from}"],
        }


def load_onnx(
    path: Path,
    *,
    device: Device = "auto",
    precision: Precision = "fp32",
    sar_radiometry: SarRadiometry | None = None,
) -> OnnxEmbedder:
    """Open an ONNX file of ours.

    Raises:
        CrosswakeError: onnxruntime is not installed or lacks the device, or the file is missing,
            damaged or not ours.
    """
    runtime = require("onnxruntime", "export", f"{path}: reading an ONNX file")
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such ONNX file")
    if precision != "fp32":
        raise CrosswakeError(
            f"--precision {precision}: an ONNX file has its own number type; leave the option out"
        )
    kind = runtime_device(runtime, device)
    session, facts = open_graph(path, runtime, kind)
    require_graph(path, session, facts)
    embedder = OnnxEmbedder(
        session,
        facts,
        device=kind,
        sar_radiometry=sar_radiometry or facts.sar_radiometry,
        source=str(path),
    )
    embedder.reading = Reading(sar_band=facts.sar_band, of_model=facts.sar_band is not None)
    return embedder


def runtime_device(runtime: Any, device: str) -> str:
    """The device to use: the one asked for, or with ``auto`` a GPU where there is one.

    Raises:
        CrosswakeError: this onnxruntime does not have it.
    """
    available = runtime.get_available_providers()
    there = {name for name, provider in PROVIDERS.items() if provider in available}
    kind = ("cuda" if "cuda" in there else "cpu") if device == "auto" else device
    if kind not in there:
        raise CrosswakeError(f"--device: this onnxruntime has no '{kind}'; take auto or cpu")
    return kind


def open_graph(path: Path, runtime: Any, kind: str) -> tuple[Any, GraphFacts]:
    """The graph, opened on a device, and what export wrote into its file.

    Raises:
        CrosswakeError: the file is damaged or not ours.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = runtime.InferenceSession(str(path), options, providers=[PROVIDERS[kind]])
        meta = json.loads(session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}"))
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise CrosswakeError(
            f"{path}: not a readable ONNX file ({first_line(error)}); export it again"
        ) from error
    if not isinstance(meta, dict) or meta.get("format") != ONNX_FORMAT:
        raise CrosswakeError(
            f"{path}: was not made by crosswake export, so its inputs are not known"
        )
    try:
        facts = restored(GraphFacts, meta, [field.name for field in fields(GraphFacts)])
    except CrosswakeError as error:
        raise CrosswakeError(f"{path}: what export wrote into it: {error}") from error
    return session, facts


def require_graph(path: Path, session: Any, facts: GraphFacts) -> None:
    """Refuse a graph whose inputs and output are not those of the model that the file says.

    Raises:
        CrosswakeError: they differ.
    """
    model = facts.model
    wanted = [
        (INPUTS[0], "tensor(uint8)", [3, *model.image_size]),
        (INPUTS[1], "tensor(int64)", []),
        (INPUTS[2], "tensor(float)", [3]),
        (OUTPUT, "tensor(float)", [model.width]),
    ]
    there = [*session.get_inputs(), *session.get_outputs()]
    if [(one.name, one.type, list(one.shape[1:])) for one in there] != wanted:
        raise CrosswakeError(
            f"{path}: its inputs or output are not those of the model that it says; export it again"
        )


def first_line(error: Exception) -> str:
    """The start of what a library says of an error."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
