"""What tests of embedding jobs look at."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from crosswake.settings.embed import EmbedConfig


def embeddings(path: Path) -> Any:
    return np.stack(pq.read_table(path).column("embedding").to_numpy(zero_copy_only=False)).astype(
        np.float32
    )


def count_model_calls(settings: EmbedConfig) -> Any:
    """A function that tells how many chips were embedded since."""
    from crosswake.models.embedder import Embedder

    seen: list[int] = []
    plain = Embedder.embed_store

    def counting(self: Any, store: Any, **named: Any) -> Any:
        seen.append(len(store))
        return plain(self, store, **named)

    Embedder.embed_store = counting  # type: ignore[method-assign]

    def total() -> int:
        Embedder.embed_store = plain  # type: ignore[method-assign]
        return sum(seen)

    return total
