"""A trained model ready for use: chips in, embeddings out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crosswake.batches.devices import pick_device
from crosswake.batches.prepare import normalise
from crosswake.batches.stores import ChipStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.data.chips import Chip
from crosswake.data.radiometry import SarRadiometry
from crosswake.models.base import ChipEmbedder
from crosswake.models.build import build_model
from crosswake.models.checkpoints import LoadReport, count_parameters, load_into
from crosswake.models.model import InferenceModel, ReidModel
from crosswake.models.shapes import (
    assumed,
    bare_config,
    model_config,
    radiometry_of,
    reading_of,
    require_own,
)
from crosswake.models.weight_files import Weights, read_weights
from crosswake.settings.beside import beside
from crosswake.settings.common import Device, Precision, plain
from crosswake.settings.model import ModelConfig

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Embedder(ChipEmbedder):
    """A PyTorch model on a device, in evaluation mode.

    Args:
        model: the model.
        device: where it runs.
        precision: number type of the forward pass; embeddings are float32 in any case.
        sar_radiometry: how SAR chips of other than 8 bit are scaled.
        source: the file it came from, for reports.
        report: what was loaded from it.
    """

    def __init__(
        self,
        model: ReidModel,
        *,
        device: torch.device,
        precision: Precision = "fp32",
        sar_radiometry: SarRadiometry = "max",
        source: str = "",
        report: LoadReport | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.graph = InferenceModel(self.model).eval()
        self.device, self.precision, self.sar_radiometry = device, precision, sar_radiometry
        self.source, self.report = source, report

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.model.width

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width that chips are resized to, in pixels."""
        return self.model.config.image_size

    def embed_store(self, store: ChipStore, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Embed chips that are decoded already; as :meth:`embed`."""
        parts = []
        for inputs in self._inputs(store, batch_size):
            rows = self._apply(self.graph, *inputs)
            assert rows is not None
            parts.append(F.normalize(rows))
        return torch.cat(parts).cpu().numpy() if parts else np.empty((0, self.width), np.float32)

    def attention_maps(
        self, chips: Sequence[Chip], *, batch_size: int = 64
    ) -> NDArray[np.float32] | None:
        """How much each patch contributes, see :meth:`ReidModel.patch_weights`.

        Returns:
            (chips, grid rows, grid columns) float32; None where the backbone cannot tell.
        """
        maps = []
        for store in self.decoded(chips, batch_size):
            for pictures, modality, size in self._inputs(store, batch_size):
                found = self._apply(self.model.patch_weights, normalise(pictures), modality, size)
                if found is None:
                    return None
                maps.append(found)
        if not maps:
            return np.empty((0, *self.model.base.grid), np.float32)
        return torch.cat(maps).cpu().numpy()

    def describe(self) -> dict[str, Any]:
        """Settings and provenance, for reports."""
        return {
            "checkpoint": self.source,
            "model": plain(self.model.config),
            "parameters": count_parameters(self.model),
            "sar_radiometry": self.sar_radiometry,
            "device": str(self.device),
            "precision": self.precision,
            "weights": self.report.lines() if self.report else [],
        }

    def _inputs(self, store: ChipStore, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, len(store), batch_size):
            part = slice(start, start + batch_size)
            pictures, modality, size = store.pictures[part], store.modality[part], store.size[part]
            yield pictures.to(self.device), modality.to(self.device), size.to(self.device)

    @torch.inference_mode()
    def _apply(
        self, function: Any, images: Tensor, modality: Tensor, size: Tensor
    ) -> Tensor | None:
        half = HALF.get(self.precision)
        with torch.autocast(
            self.device.type, dtype=half or torch.bfloat16, enabled=half is not None
        ):
            found: Tensor | None = function(images, modality, size)
        return None if found is None else found.float()


def load(
    checkpoint: Path | str,
    *,
    device: Device = "auto",
    precision: Precision = "fp32",
    model: ModelConfig | None = None,
    sar_radiometry: SarRadiometry | None = None,
) -> ChipEmbedder:
    """Load a model for use: one of our checkpoints, bare TransOSS or timm ViT weights, or an
    exported ONNX file.

    Args:
        checkpoint: the file; one that ends in ``.onnx`` is run by onnxruntime.
        device: ``auto`` takes the best there is.
        precision: number type of the forward pass; an ONNX file has its own.
        model: the model's shape; read from the file if None.
        sar_radiometry: how SAR is scaled; as in training if None, ``max`` if the file does not say.

    A bare file that is not published says nothing of its model but shapes; the rest is read from a
    YAML file of its name beside it, which may be the run's settings.yaml.

    Raises:
        CrosswakeError: the file cannot be read or does not fit the shape, or there is no such
            device.
    """
    from crosswake.models.inputs import check_choice

    check_choice("device", device, Device)
    check_choice("precision", precision, Precision)
    check_choice("sar_radiometry", sar_radiometry or "max", SarRadiometry)
    if Path(checkpoint).suffix.lower() == ".onnx":
        from crosswake.models.onnx import load_onnx

        if model is not None:
            raise CrosswakeError(
                f"{checkpoint}: an ONNX file has its own shape; leave the model's settings out"
            )
        return load_onnx(
            Path(checkpoint), device=device, precision=precision, sar_radiometry=sar_radiometry
        )
    return load_torch(
        checkpoint, device=device, precision=precision, model=model, sar_radiometry=sar_radiometry
    )


def load_torch(
    checkpoint: Path | str,
    *,
    device: Device = "auto",
    precision: Precision = "fp32",
    model: ModelConfig | None = None,
    sar_radiometry: SarRadiometry | None = None,
) -> Embedder:
    """:func:`load` for weights that PyTorch runs."""
    weights = read_weights(Path(checkpoint))
    shape = model or (model_config(weights) if weights.meta else bare_config(weights))
    if weights.meta and model is None:
        require_own(weights, shape)
    network = build_model(shape)
    report = load_into(network, without_head(weights))
    if model is None and not weights.meta and not beside(weights.path).is_file():
        report = replace(report, taken_as=assumed(weights, shape))
        say_once(f"{weights.path}: not in the file, so taken as: {', '.join(report.taken_as)}")
    radiometry: SarRadiometry = sar_radiometry or radiometry_of(weights) or "max"
    embedder = Embedder(
        network,
        device=pick_device(device),
        precision=precision,
        sar_radiometry=radiometry,
        source=str(checkpoint),
        report=report,
    )
    embedder.reading = reading_of(weights)
    return embedder


def without_head(weights: Weights) -> Weights:
    """The weights less the classifier, which embedding has no use for."""
    state = {
        key: value for key, value in weights.state.items() if not key.startswith("classifier.")
    }
    return Weights(path=weights.path, state=state, meta=weights.meta)
