"""What every model ready for use does, whatever runs it: chips in, embeddings out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.store import ChipStore
from crosswake.batches.stream import cut, stream
from crosswake.core.progress import Progress
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.radiometry import SarRadiometry


class ChipEmbedder(ABC):
    """A model with the radiometry it was trained on.

    Attributes:
        sar_radiometry: how SAR chips of other than 8 bit are scaled.
        source: the file it came from, for reports.
        precision: number type it computes in.
    """

    sar_radiometry: SarRadiometry
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

    def embed(
        self, chips: Sequence[Chip], *, batch_size: int = 64, quiet: bool = True
    ) -> NDArray[np.float32]:
        """Embed chips.

        Returns:
            (chips, width) float32, L2-normalised, in the chips' order.

        Raises:
            UnreadableChipError: a chip cannot be read.
        """
        parts = []
        with Progress(len(chips), "embed", quiet=quiet) as progress:
            for store in self.decoded(chips, batch_size):
                parts.append(self.embed_store(store, batch_size=batch_size))
                progress.advance(len(store))
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.float32)

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
        """The chips as batches of model input, decoded ahead."""
        for _, store in stream(cut(chips, batch_size), self.image_size, self.sar_radiometry):
            for bad in store.bad_files:
                raise UnreadableChipError(bad.path, bad.reason)
            yield store
