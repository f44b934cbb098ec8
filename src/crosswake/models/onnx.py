"""An exported model ready for use, run by onnxruntime; it needs no weights beside its one file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosswake.batches.stores import ChipStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.data.radiometry import SarRadiometry
from crosswake.models.base import ChipEmbedder
from crosswake.settings.common import Device, Precision

METADATA_KEY = "crosswake"
ONNX_FORMAT = "crosswake-onnx-1"
INPUTS = ("pictures", "modality", "size")
OUTPUT = "embedding"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxEmbedder(ChipEmbedder):
    """An ONNX graph made by ``crosswake export``; it has no attention maps.

    Args:
        session: the graph, opened by onnxruntime.
        meta: what export wrote into the file.
        device: ``cpu`` or ``cuda``, for reports.
        sar_radiometry: how SAR chips of other than 8 bit are scaled.
        source: the file it came from, for reports.
    """

    def __init__(
        self,
        session: Any,
        meta: dict[str, Any],
        *,
        device: str,
        sar_radiometry: SarRadiometry,
        source: str,
    ) -> None:
        self.session, self.meta, self.device = session, meta, device
        self.sar_radiometry, self.source = sar_radiometry, source
        self.precision = str(meta["precision"])

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return int(self.meta["model"]["width"])

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width that chips are resized to, in pixels."""
        height, width = self.meta["model"]["image_size"]
        return int(height), int(width)

    def embed_store(self, store: ChipStore, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Embed chips that are decoded already; as :meth:`embed`."""
        parts = [
            self.run(store, slice(start, start + batch_size))
            for start in range(0, len(store), batch_size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.float32)

    def run(self, store: ChipStore, part: slice) -> NDArray[np.float32]:
        """One batch through the graph."""
        values = (store.pictures, store.modality, store.size)
        feed = {name: rows[part].numpy() for name, rows in zip(INPUTS, values, strict=True)}
        return np.asarray(self.session.run([OUTPUT], feed)[0], np.float32)

    def describe(self) -> dict[str, Any]:
        """Settings and provenance, for reports."""
        return {
            "checkpoint": self.source,
            "model": self.meta["model"],
            "parameters": self.meta["parameters"],
            "sar_radiometry": self.sar_radiometry,
            "device": self.device,
            "precision": self.precision,
            "weights": [f"exported from {self.meta['exported_from']}"],
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
    there = {
        name
        for name, provider in PROVIDERS.items()
        if provider in runtime.get_available_providers()
    }
    kind = ("cuda" if "cuda" in there else "cpu") if device == "auto" else device
    if kind not in there:
        raise CrosswakeError(f"--device: this onnxruntime has no '{kind}'; take auto or cpu")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = runtime.InferenceSession(str(path), options, providers=[PROVIDERS[kind]])
        meta = json.loads(session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}"))
    except Exception as error:  # onnxruntime's errors share no class of their own
        detail = str(error).splitlines()[0]
        raise CrosswakeError(
            f"{path}: not a readable ONNX file ({detail}); export it again"
        ) from error
    if meta.get("format") != ONNX_FORMAT:
        raise CrosswakeError(
            f"{path}: was not made by crosswake export, so its inputs are not known"
        )
    return OnnxEmbedder(
        session,
        meta,
        device=kind,
        sar_radiometry=sar_radiometry or meta["sar_radiometry"],
        source=str(path),
    )
