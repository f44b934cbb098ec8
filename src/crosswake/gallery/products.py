"""Similarities of queries to the sightings that are left, exactly, in single precision."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosswake.retrieval.products import single_precision

if TYPE_CHECKING:
    import torch

PRODUCT_ROWS, QUERIES_AT_ONCE = 1024, 8
"""Sightings and queries of one product. All have this shape, so that equal embeddings are equally
similar, however many there are (see :mod:`crosswake.retrieval.products`)."""
STRIP = 64
"""Queries that go through the sightings together."""


def embeddings_in(table: pa.Table) -> NDArray[np.float16]:
    """(rows, width) of the column ``embedding``."""
    column = table["embedding"].combine_chunks()
    width = column.type.list_size
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(-1, width)


def cosines(
    queries: NDArray[np.float16], rows: NDArray[np.float16]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The number of the first query of each strip, and (queries, rows) of its cosines.

    Half-precision vectors are of length 1 up to rounding; here they count as if they were so, in
    single precision."""
    import torch

    for start in range(0, len(queries), STRIP):
        strip = torch.from_numpy(np.array(queries[start : start + STRIP])).float()
        count = len(strip)
        strip = unit(torch.nn.functional.pad(strip, (0, 0, 0, -count % QUERIES_AT_ONCE)))
        found = np.empty((count, len(rows)), np.float32)
        with single_precision():
            for first in range(0, len(rows), PRODUCT_ROWS):
                part = np.require(rows[first : first + PRODUCT_ROWS], requirements="W")
                size = len(part)
                block = torch.from_numpy(part).float()
                block = torch.nn.functional.pad(block, (0, 0, 0, PRODUCT_ROWS - size))
                length = torch.linalg.vector_norm(block, dim=1, keepdim=True).clamp(min=1e-12)
                for query in range(0, len(strip), QUERIES_AT_ONCE):
                    product = block @ strip[query : query + QUERIES_AT_ONCE].T / length
                    kept = min(QUERIES_AT_ONCE, count - query)
                    found[query : query + kept, first : first + size] = product[:size, :kept].T
        yield start, found


def unit(rows: "torch.Tensor") -> "torch.Tensor":
    """Rows scaled to length 1; those of zeros stay."""
    import torch

    return torch.nn.functional.normalize(rows)
