"""What every model ready for use does, whatever runs it: chips in, embeddings out."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.decode import Label, in_batches
from crosswake.batches.prepare import ChipDecoding
from crosswake.batches.stores import ChipStore, stream
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.data.chips import AS_THE_FILE_SAYS, Chip, Reading
from crosswake.data.pixels import Pixels
from crosswake.data.radiometry import SarRadiometry
from crosswake.data.reid import BadFile, Chips
from crosswake.data.sources.listing import ModalityChoice
from crosswake.models.inputs import Embeddable, MixedDecoding, as_inputs


@dataclass(frozen=True, kw_only=True)
class EmbeddedBatch:
    """A batch of chips and what the model makes of them.

    Attributes:
        chips: those that could be read.
        features: (chips, width) float32, L2-normalised.
        bad_files: the others, and why.
        size: (chips, 3) float32, size features.
        seen: what ``look`` returned for each chip.
        waited: seconds that the model waited for the batch to be decoded.
        embedding: seconds that it took.
    """

    chips: Chips
    features: NDArray[np.float32]
    bad_files: tuple[BadFile, ...]
    size: NDArray[np.float32]
    seen: tuple[Any, ...]
    waited: float
    embedding: float


class ChipEmbedder(ABC):
    """A model with the radiometry it was trained on.

    Attributes:
        sar_radiometry: how SAR chips of other than 8 bit are scaled.
        reading: the SAR band that it learnt from, taken where neither user nor file says.
        source: the file it came from, for reports.
        precision: number type it computes in.
    """

    sar_radiometry: SarRadiometry
    reading: Reading = AS_THE_FILE_SAYS
    source: str
    precision: str

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers in an embedding."""

    @property
    @abstractmethod
    def image_size(self) -> tuple[int, int]:
        """Height and width that chips are resized to, in pixels."""

    @abstractmethod
    def embed_store(self, store: ChipStore, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Embed chips that are decoded already; as :meth:`embed`."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Settings and provenance, for reports."""

    def __repr__(self) -> str:
        height, width = self.image_size
        return (
            f"<{type(self).__name__} {self.source}: {self.width} numbers from {height} x {width} "
            f"pixels, {self.precision}, SAR scaled by {self.sar_radiometry}>"
        )

    def embed(
        self,
        chips: Embeddable,
        *,
        modality: ModalityChoice = "auto",
        ground_size: float | None = None,
        batch_size: int = 64,
        quiet: bool = True,
    ) -> NDArray[np.float32]:
        """Embed chips, paths or arrays: one, or any number of them in any mixture.

        Args:
            chips: see :data:`crosswake.models.inputs.Embeddable`.
            modality: of paths and arrays; ``auto`` goes by a path's words (RGB, optical, SAR) and
                by an array's bands.
            ground_size: metres a pixel of paths and arrays; None where it is not known better than
                the data sets have it.
            batch_size: chips that go through the model together.
            quiet: show no progress.

        Returns:
            (chips, width) float32, L2-normalised, in the order given; one row for one chip.

        Raises:
            CrosswakeError: something given is no chip, path or array, its modality cannot be told,
                an embedding is not finite, or (UnreadableChipError) a file cannot be read.
        """
        inputs = as_inputs(chips, modality, ground_size)
        if batch_size < 1:
            raise CrosswakeError(f"batch_size: must be at least 1, got {batch_size}")
        parts = [np.empty((0, self.width), np.float32)]
        batches = in_batches(inputs.chips, batch_size)
        with Progress(len(inputs.chips), "embed", quiet=quiet) as progress:
            for _, batch in self.embed_batches(batches, strict=True, pixels=inputs.pixels):
                require_finite(batch.features, batch.chips)
                parts.append(batch.features)
                progress.advance(len(batch.chips))
        return np.concatenate(parts)

    def embed_batches(
        self,
        batches: Iterable[tuple[Label, Sequence[Chip]]],
        *,
        look: Callable[[Chip, Pixels], Any] | None = None,
        strict: bool = False,
        pixels: Mapping[Chip, Pixels] | None = None,
    ) -> Generator[tuple[Label, EmbeddedBatch], None, None]:
        """Embed batch after batch; each chip is read once, in threads, ahead of the model.

        ``evaluate``, ``probe`` and ``embed`` all go through here. Embeddings that are not finite
        come out as they are; see :func:`require_finite`.

        Args:
            batches: a label that comes back with its batch, and chips; drawn from as needed.
            look: what else is wanted of a chip, from its pixels as stored; called in threads.
            strict: raise at the first unreadable chip.
            pixels: of chips that are in no file.

        Yields:
            the label, and what was read and embedded; a batch may have no chips at all.

        Raises:
            UnreadableChipError: a chip cannot be read and ``strict`` is set.
        """
        how = MixedDecoding(
            size=self.image_size,
            sar=self.sar_radiometry,
            reading=self.reading,
            look=look,
            pixels=pixels or {},
        )
        begun = time.monotonic()
        with closing(stream(batches, how, strict=strict)) as stores:
            for label, store in stores:
                decoded = time.monotonic()
                features = self.embed_store(store, batch_size=max(1, len(store)))
                done = time.monotonic()
                yield (
                    label,
                    EmbeddedBatch(
                        chips=store.chips,
                        features=features,
                        bad_files=store.bad_files,
                        size=store.size.numpy(),
                        seen=store.seen,
                        waited=decoded - begun,
                        embedding=done - decoded,
                    ),
                )
                begun = time.monotonic()

    def attention_maps(
        self,
        chips: Sequence[Chip],  # noqa: ARG002
        *,
        batch_size: int = 64,  # noqa: ARG002
    ) -> NDArray[np.float32] | None:
        """(chips, grid rows, grid columns) float32 of where the model looks; None where it cannot
        tell."""
        return None

    def decoded(self, chips: Sequence[Chip], batch_size: int) -> Iterator[ChipStore]:
        """The chips as batches of model input, decoded ahead.

        Raises:
            UnreadableChipError: a chip cannot be read.
        """
        how = ChipDecoding(size=self.image_size, sar=self.sar_radiometry, reading=self.reading)
        for _, store in stream(in_batches(chips, batch_size), how, strict=True):
            yield store


def require_finite(features: NDArray[np.floating[Any]], chips: Sequence[Chip]) -> None:
    """Raise if an embedding holds numbers that are not finite.

    Args:
        features: (N, D).
        chips: what each row is of.

    Raises:
        CrosswakeError: with the first such chip.
    """
    good = np.isfinite(features).all(axis=1)
    if good.all():
        return
    chip = chips[int(np.argmin(good))]
    where = "" if chip.box is None else f", window at {chip.box.top}, {chip.box.left}"
    size = f" of {chip.width_m:g} x {chip.height_m:g} m" if chip.width_m and chip.height_m else ""
    raise CrosswakeError(
        f"{chip.path}{where}: the embedding of this chip{size} is not finite, as are "
        f"{(~good).sum()} of {len(good)} embedded with it; the model has diverged, the chip's size "
        "is absurd, or the precision is too low: try --precision fp32 or other weights"
    )
