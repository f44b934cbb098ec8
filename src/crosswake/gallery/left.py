"""The sightings that filters leave, as arrays: read from the store, or kept in memory for galleries
that are asked again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crosswake.gallery.catalogue import ROW_ID, Gallery
from crosswake.gallery.evidence import Fleet
from crosswake.gallery.facts import SightingFacts, sighting_facts
from crosswake.gallery.products import embeddings_in
from crosswake.gallery.sizes import FLEET_SAMPLE
from crosswake.gallery.store import said_of
from crosswake.retrieval.metrics import Floats, Ints

T = TypeVar("T")
WEIGHED = (
    *("id", "modality", "time", "lon", "lat", "position_error_m", "length_m", "width_m"),
    *("size_error_m", "mmsi", "imo", "name", "ship_type"),
)
"""Columns that evidence is made of."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """Sightings, sorted by id.

    Attributes:
        ids: of each.
        rows: where the store has each; good for one version of the gallery.
        facts: what evidence is made of.
        features: (rows, width) half precision.
    """

    ids: NDArray[np.object_]
    rows: Ints
    facts: SightingFacts
    features: NDArray[np.float16]

    @classmethod
    def of(cls, table: pa.Table) -> "Left":
        """A table with :data:`WEIGHED`, embeddings and row numbers."""
        order = pc.sort_indices(table["id"]).to_numpy().astype(np.int64)
        ids = np.asarray(table["id"].to_numpy(zero_copy_only=False), object)
        return cls(
            ids=ids[order],
            rows=table[ROW_ID].to_numpy().astype(np.int64)[order],
            facts=sighting_facts(table).take(order),
            features=embeddings_in(table)[order],
        )

    def take(self, places: Ints) -> "Left":
        """Some of them."""
        return Left(
            ids=self.ids[places],
            rows=self.rows[places],
            facts=self.facts.take(places),
            features=self.features[places],
        )


@dataclass(frozen=True, kw_only=True)
class KeptSightings:
    """All sightings of one version of a gallery.

    Attributes:
        left: the sightings.
        lengths: (N,) of their embeddings, which is 1 up to rounding.
        by_row: their places in the order of their row numbers.
    """

    left: Left
    lengths: Floats
    by_row: Ints

    @classmethod
    def of(cls, gallery: Gallery) -> "KeptSightings":
        """Read them all."""
        left = Left.of(gallery.read("", [*WEIGHED, "embedding"], rows=True))
        squares = np.einsum("nd,nd->n", left.features, left.features, dtype=np.float32)
        return cls(
            left=left, lengths=np.maximum(np.sqrt(squares), 1e-6), by_row=np.argsort(left.rows)
        )

    def places(self, rows: Ints) -> Ints:
        """Where the sightings with these row numbers are, in the order of their ids."""
        found = np.searchsorted(self.left.rows, rows, sorter=self.by_row)
        return np.sort(self.by_row[found])

    def nearest(self, query: NDArray[np.float16], count: int) -> Left:
        """Those nearest to an embedding, by products in half precision of all."""
        import torch

        features = torch.from_numpy(self.left.features)
        near = torch.mv(features, torch.from_numpy(np.array(query))).float()
        near /= torch.from_numpy(self.lengths)
        best = torch.topk(near, min(count, len(near)), sorted=False).indices
        return self.left.take(np.sort(best.numpy()))


def keep_in_memory(gallery: Gallery) -> None:
    """Answer later searches of an open gallery from memory: 2 bytes for each number of an
    embedding, and about 1 kB for the rest of a sighting. After a change it is read anew."""
    gallery.keeps = True
    kept_sightings(gallery)


def kept_sightings(gallery: Gallery) -> KeptSightings | None:
    """The sightings in memory; None for a gallery that is read for each search."""
    if not gallery.keeps:
        return None
    return remembered(gallery, "sightings", lambda: KeptSightings.of(gallery))


def remembered(gallery: Gallery, name: str, make: Callable[[], T]) -> T:
    """What ``make`` gives, made once for each version of an open gallery."""
    version = gallery.version
    kept = gallery.memory.get(name)
    if kept is None or kept[0] != version:
        kept = gallery.memory[name] = version, make()
    found: T = kept[1]
    return found


def read_left(gallery: Gallery, where: str) -> Left:
    """The sightings that meet a condition in SQL."""
    kept = kept_sightings(gallery)
    if kept is None:
        return Left.of(gallery.read(where, [*WEIGHED, "embedding"], rows=True))
    return kept.left.take(kept.places(gallery.rows(where))) if where else kept.left


def left_in_rows(gallery: Gallery, rows: Sequence[int]) -> Left:
    """The sightings with some row numbers."""
    return Left.of(gallery.take(rows, [*WEIGHED, "embedding"]))


def fleet_where(gallery: Gallery, where: str) -> Fleet:
    """The fleet of the sightings that meet a condition."""
    kept = kept_sightings(gallery)
    if kept is None:
        table = gallery.read(where, WEIGHED).sort_by("id")
        return Fleet.of(sighting_facts(table))
    facts = kept.left.facts
    return Fleet.of(facts.take(kept.places(gallery.rows(where))) if where else facts)


def sampled_fleet(gallery: Gallery) -> Fleet:
    """The fleet of a large gallery, by sightings at even distances."""

    def sample() -> Fleet:
        count = gallery.count()
        offsets = np.linspace(0, count - 1, min(count, FLEET_SAMPLE)).astype(int).tolist()
        with said_of(gallery.place, "read"):
            table = gallery.table.take_offsets(offsets).select(list(WEIGHED)).to_arrow()
        return Fleet(facts=sighting_facts(table), count=count)

    return remembered(gallery, "fleet", sample)
