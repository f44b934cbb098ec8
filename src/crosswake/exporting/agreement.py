"""Whether an exported file gives the embeddings that PyTorch gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crosswake.batches.prepare import size_features
from crosswake.batches.stores import ChipStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import track
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import ReidData, of_modality
from crosswake.models.base import require_finite
from crosswake.models.embedder import Embedder
from crosswake.models.onnx import load_onnx
from crosswake.settings.export import ExportFormat

LARGEST_BATCH = 16
MIN_COSINE = {"onnx": 0.99999, "onnx-int8": 0.99, "torch-export": 0.99999}
ROUNDING = 1e-6
"""What a cosine of float32 vectors falls short of 1 by, though they are equal."""
MAX_DIFFERENCE = {"onnx": 1e-4, "onnx-int8": 1.0, "torch-export": 1e-4}
"""What agrees: float32 to rounding, 8 bit in direction."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Exported against PyTorch's embeddings.

    Attributes:
        measured_on: which chips.
        chips: how many.
        cosine: (chips,) cosine of the two embeddings of each.
        difference: the largest difference of any number.
    """

    measured_on: str
    chips: int
    cosine: NDArray[np.float64]
    difference: float

    def line(self) -> str:
        """For people."""
        return (
            f"against PyTorch fp32 on {self.chips} {self.measured_on}: cosine at least "
            f"{self.cosine.min():.6f}, "
            f"mean {self.cosine.mean():.6f}; largest difference {self.difference:.2g}"
        )

    def require(self, kind: ExportFormat, path: Path, min_cosine: float | None = None) -> None:
        """Raise unless the two agree as well as the format allows."""
        limit = MIN_COSINE[kind] if min_cosine is None else min_cosine
        good = self.cosine.min() >= limit - ROUNDING and self.difference <= MAX_DIFFERENCE[kind]
        if not good:  # also where either is not a number
            allowed = (
                f"a cosine of {limit:g} and a difference of {MAX_DIFFERENCE[kind]:g} are the limits"
            )
            raise CrosswakeError(
                f"{path}: not written, for the graph does not agree {self.line()}; {allowed}"
            )


def compare_outputs(
    embedder: Embedder,
    path: Path,
    kind: ExportFormat,
    store: ChipStore,
    measured_on: str,
    quiet: bool = True,
) -> Agreement:
    """Run an exported file and the model it came from on the same chips, the file in batches of
    several sizes."""
    run = opened(path, kind)
    batches = list(uneven_batches(len(store)))
    known, exported = [], []
    for part in track(batches, len(batches), "compare", "batches", quiet):
        known.append(embedder.embed_store(store.rows(part), batch_size=LARGEST_BATCH))
        exported.append(run(store, part))
    expected, found = np.concatenate(known), np.concatenate(exported)
    require_finite(expected, store.chips)
    require_finite(found, store.chips)
    return Agreement(
        measured_on=measured_on,
        chips=len(store),
        cosine=(expected.astype(np.float64) * found).sum(axis=1),
        difference=float(np.abs(expected - found).max()),
    )


def uneven_batches(count: int) -> Iterator[slice]:
    """Batches of 1, 2, 4, ... chips: a graph whose batch is not free fails on one of them."""
    start, size = 0, 1
    while start < count:
        yield slice(start, start + size)
        start, size = start + size, min(2 * size, LARGEST_BATCH)


def opened(path: Path, kind: ExportFormat) -> Callable[[ChipStore, slice], NDArray[np.float32]]:
    """An exported file as a function of chips and a range of them."""
    if kind != "torch-export":
        return load_onnx(path, device="cpu").run
    with path.open("rb") as file:
        graph = torch.export.load(file).module()

    def run(store: ChipStore, part: slice) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(
                graph(store.pictures[part], store.modality[part], store.size[part]).numpy()
            )

    return run


def chips_of(data: ReidData, count: int) -> tuple[Chip, ...]:
    """At most ``count`` chips, half of either modality where there are both, spread evenly over the
    data set."""
    every = data.all_chips()
    chosen: list[Chip] = []
    for modality in Modality:
        members = of_modality(every, modality)
        wanted = min(len(members), count // 2 if len(members) < len(every) else count)
        chosen += [members[index * len(members) // wanted] for index in range(wanted)]
    return tuple(chosen)


def generated(image_size: tuple[int, int], count: int) -> ChipStore:
    """Pictures of random shapes with some noise, for want of chips; the same every time."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(0, 255, (count, 3, 8, 4)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=image_size, mode="bicubic")
    noise = torch.from_numpy(random.normal(0, 12, smooth.shape).astype(np.float32))
    pictures = (smooth + noise).clamp(0, 255).to(torch.uint8)
    modality = torch.arange(count) % 2
    pictures[modality == 1] = pictures[modality == 1][:, :1].expand(-1, 3, -1, -1)
    chips = tuple(
        Chip(path=Path(f"generated-{index}"), modality=Modality(index % 2))
        for index in range(count)
    )
    sizes = [
        size_features(*wide_high, aspect=wide_high[1] / wide_high[0])
        for wide_high in ground_sizes(random, count)
    ]
    return ChipStore(chips=chips, pictures=pictures, modality=modality, size=torch.tensor(sizes))


def ground_sizes(random: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """Widths and heights in metres, as of ships."""
    return [
        (float(w), float(w * r))
        for w, r in zip(random.uniform(10, 60, count), random.uniform(2, 5, count), strict=True)
    ]
