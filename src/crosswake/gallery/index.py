"""The index for searches without filters: which sightings are worth comparing, and how many of the
best it misses, measured."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import ROW_ID, Gallery
from crosswake.gallery.products import cosines, embeddings_in
from crosswake.gallery.store import said_of, until_committed

INDEX_COLUMN = "embedding"
INDEX_KEY = "crosswake_index"
"""Metadata of the column under which we keep what was measured."""
FEWEST_ROWS = 1000
RECALL_AT = 10
SAMPLE_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class VectorIndex:
    """An index as it was measured.

    Attributes:
        probes: parts that a search looks through.
        rows: sightings that were indexed.
        recall: share of the true 10 nearest that it finds.
        sample: searches that this was measured by.
    """

    probes: int
    rows: int
    recall: float
    sample: int

    def described(self, most: int) -> str:
        """How it finds candidates, in a sentence."""
        return (
            f"an index chose {most:,} sightings, which were compared exactly (it finds "
            f"{self.recall:.1%} of the true {RECALL_AT} nearest, by {self.sample} searches)"
        )


def index_of(gallery: Gallery) -> VectorIndex | None:
    """The index of a gallery; None where there is none."""
    kept = (gallery.table.schema.field(INDEX_COLUMN).metadata or {}).get(INDEX_KEY.encode())
    return VectorIndex(**json.loads(kept)) if kept else None


def make_index(gallery: Gallery, probes: int, sample: int, seed: int = 0) -> VectorIndex:
    """Index all sightings by scalar quantisation in parts (IVF_SQ), and measure the recall.

    Args:
        gallery: with at least 1000 sightings.
        probes: parts that a search looks through.
        sample: sightings that are searched for.
        seed: of their choice.

    Raises:
        CrosswakeError: there are too few sightings.
    """
    count = gallery.count()
    if count < FEWEST_ROWS:
        raise CrosswakeError(
            f"{gallery.place}: has {count} sightings; from {FEWEST_ROWS} on an index can be made, "
            "and from 50,000 on it saves time"
        )
    from lancedb.index import IvfSq

    # LanceDB's own choice is so few parts that 40 probes are all of them.
    parts = max(1, round(count**0.5 / 4))
    how = IvfSq(distance_type="dot", num_partitions=parts, max_iterations=20, sample_rate=64)
    with said_of(gallery.place, "indexed"):
        until_committed(lambda: gallery.table.create_index(INDEX_COLUMN, config=how, replace=True))
    rows = np.random.default_rng(seed).choice(count, min(sample, count), replace=False)
    with said_of(gallery.place, "read"):
        queries = gallery.table.take_offsets(sorted(rows.tolist())).to_arrow()
    index = VectorIndex(probes=probes, rows=count, recall=0.0, sample=queries.num_rows)
    recall = measured_recall(gallery, index, queries)
    index = VectorIndex(probes=probes, rows=count, recall=recall, sample=queries.num_rows)
    with said_of(gallery.place, "written"):
        kept = {INDEX_KEY: json.dumps(asdict(index))}
        until_committed(lambda: gallery.table.replace_field_metadata(INDEX_COLUMN, kept))
    return index


def measured_recall(gallery: Gallery, index: VectorIndex, queries: Any) -> float:
    """Share of the true nearest that the index finds, each query itself not counted."""
    features, own = embeddings_in(queries), queries["id"].to_pylist()
    best = exact_nearest(gallery, features, RECALL_AT + 1)
    shares = []
    for row, name in enumerate(own):
        true = [one for one in best[row] if one != name][:RECALL_AT]
        found = set(indexed_ids(gallery, index, features[row], RECALL_AT + 1))
        shares.append(len(found.intersection(true)) / len(true))
    return float(np.mean(shares))


def exact_nearest(gallery: Gallery, features: NDArray[np.float16], top: int) -> list[list[str]]:
    """Ids of the nearest sightings to each query, every one compared, in parts of the gallery."""
    kept: list[list[tuple[float, str]]] = [[] for _ in features]
    with said_of(gallery.place, "read"):
        query = gallery.table.search().select(["id", "embedding"])
        for batch in query.to_batches(SAMPLE_BATCH):
            ids = batch["id"].to_pylist()
            column = batch["embedding"]
            rows = np.asarray(column.flatten()).reshape(len(ids), -1)
            for start, strip in cosines(features, rows):
                for row, values in enumerate(strip):
                    best = np.argsort(-values, kind="stable")[:top]
                    more = [(-float(values[one]), ids[one]) for one in best]
                    kept[start + row] = sorted(kept[start + row] + more)[:top]
    return [[name for _, name in row] for row in kept]


def indexed_ids(
    gallery: Gallery, index: VectorIndex, features: NDArray[np.float16], count: int
) -> list[str]:
    """Ids of the sightings nearest to one query by the index; those that were added after it was
    made are compared one by one by the store."""
    return list(indexed(gallery, index, features, count, "id"))


def indexed(
    gallery: Gallery, index: VectorIndex, features: NDArray[np.float16], count: int, column: str
) -> list[Any]:
    """A column, or the row numbers, of the sightings that :func:`indexed_ids` finds."""
    with said_of(gallery.place, "searched"):
        query = gallery.table.search(features.astype(np.float32), vector_column_name=INDEX_COLUMN)
        query = query.distance_type("dot").nprobes(index.probes).limit(count)
        columns = ["_distance"] if column == ROW_ID else [column, "_distance"]
        found = query.select(columns).with_row_id(column == ROW_ID).to_arrow()
        return list(found[column].to_pylist())
