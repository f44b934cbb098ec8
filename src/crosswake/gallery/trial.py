"""Sightings of known ships, compared all with all: what evidence is calibrated and measured on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosswake.core.earth import as_utc
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.data.chips import Chip
from crosswake.data.reid import Chips, ReidData
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.data.sources.columns import KNOWN
from crosswake.data.sources.dialect import open_text_table
from crosswake.data.sources.table import resolve
from crosswake.gallery.evidence import (
    EVIDENCE,
    Fleet,
    RawEvidence,
    Weighing,
    direction_of,
    look_at,
)
from crosswake.gallery.facts import SightingFacts, sighting_facts, sightings_of_chips
from crosswake.retrieval.metrics import Ints

BESIDE = "sightings.csv"
"""The table that a simulated data set has beside its folders."""
NUMBERS = ("lon", "lat", "position_error_m", "size_error_m")
WORDS = ("mmsi", "imo", "name", "ship_type")
Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class KnownSightings:
    """N sightings.

    Attributes:
        facts: what is known of each beside its pixels.
        features: (N, D) float32 embeddings of length 1.
        ship: (N,), a number for each ship; those that nobody knows have one of their own.
        named: (N,), whether the ship is known.
    """

    facts: SightingFacts
    features: NDArray[np.float32]
    ship: Ints
    named: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ship)

    @classmethod
    def of(cls, table: pa.Table, features: NDArray[np.float32]) -> "KnownSightings":
        """The sightings of a table with the column ``identity``."""
        identity = [name or "" for name in table["identity"].to_pylist()]
        number = {name: place for place, name in enumerate(sorted(set(identity) - {""}))}
        ship = [number.get(name, len(number) + row) for row, name in enumerate(identity)]
        return cls(
            facts=sighting_facts(table),
            features=features,
            ship=np.array(ship, np.int64),
            named=np.array([bool(name) for name in identity], bool),
        )


def table_of_chips(
    data: ReidData, chips: Chips, extents: Mapping[Chip, tuple[float, float]]
) -> pa.Table:
    """Chips as sightings, with what the data's table says of them beyond a chip.

    A size counts where the table says its error. Without one it is taken to be a register's, the
    same in all sightings of a ship, which would answer the question; the chip's own extent on the
    ground stands for it then.

    Args:
        data: where the chips are from.
        chips: some of them.
        extents: width and height of each on the ground, in metres.
    """
    beside = said_beside(data)
    plain = [replace(chip, ship_length_m=None, ship_width_m=None) for chip in chips]
    by_extent = {one: extents[chip] for one, chip in zip(plain, chips, strict=True)}
    rows = zip(sightings_of_chips(plain, by_extent).to_pylist(), chips, strict=True)
    said = [row | beside.get(str(chip.path), {}) for row, chip in rows]
    return pa.Table.from_pylist(said, SIGHTING_COLUMNS)


def said_beside(data: ReidData) -> dict[str, dict[str, Any]]:
    """Time, place, errors, claims and measured sizes by path, as far as they are known, from the
    table that the data are, or that lies in their folder."""
    path = data.root if data.root.is_file() else data.root / BESIDE
    if not path.is_file():
        return {}
    table = open_text_table(path, KNOWN)
    found: dict[str, dict[str, Any]] = {}
    for _, fields in table.rows():
        row = dict(zip(table.header, fields, strict=True))
        known: dict[str, Any] = {name: as_number(row.get(name, "")) for name in NUMBERS}
        known |= {name: row.get(name) for name in WORDS}
        if known["size_error_m"] is not None:
            sizes = {"length_m": "ship_length_m", "width_m": "ship_width_m"}
            known |= {name: as_number(row.get(column, "")) for name, column in sizes.items()}
        if row.get("time"):
            known["time"] = as_utc(row["time"])
        known = {name: value for name, value in known.items() if value not in (None, "")}
        found[str(resolve(row.get("path", ""), path.parent))] = known
    return found


def as_number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Evidence of Q queries on G sightings of a gallery, each kind by itself, not weighted.

    Attributes:
        parts: (Q, G) log ratios by kind; -inf where a query is compared with itself, or what is
            impossible.
        cosine: (Q, G); -inf where a query is compared with itself.
        query: (Q,), the ship of each query.
        gallery: (G,), the ship of each sighting.
        own: (Q,), where in the gallery each query stands itself, -1 where it does not.
        directions: (Q,), of :func:`crosswake.gallery.evidence.direction_of`; none for ``all``.
    """

    parts: Mapping[str, Matrix]
    cosine: Matrix
    query: Ints
    gallery: Ints
    own: Ints
    directions: tuple[str, ...] = ()

    @property
    def counts(self) -> Ints:
        """(Q,): number of sightings that each query is compared with."""
        return np.asarray(len(self.gallery) - (self.own >= 0), np.int64)

    @property
    def match(self) -> NDArray[np.bool_]:
        """(Q, G), whether both show one ship and are not one sighting."""
        found = np.asarray(self.query[:, None] == self.gallery[None], np.bool_)
        rows = np.flatnonzero(self.own >= 0)
        found[rows, self.own[rows]] = False
        return found

    def known(self) -> tuple[str, ...]:
        """The kinds of evidence that say anything."""
        return tuple(kind for kind in EVIDENCE if says_something(self.parts[kind]))

    def raw(self, row: int) -> RawEvidence:
        """The evidence of one query."""
        nothing = np.full(len(self.gallery), np.nan)
        return RawEvidence(
            **{kind: self.parts[kind][row].astype(np.float64) for kind in EVIDENCE},
            cosine=self.cosine[row].astype(np.float64),
            km=nothing,
            hours=nothing,
            count=int(self.counts[row]),
            direction=self.directions[row] if self.directions else "all",
        )


def says_something(part: Matrix) -> bool:
    """Whether a finite ratio is other than 0."""
    return bool((part[np.isfinite(part)] != 0).any())


def compare_sightings(
    sightings: KnownSightings, query: Ints, gallery: Ints, how: Weighing, quiet: bool = True
) -> Comparison:
    """Weigh every sighting of a gallery for every query; 20 Q G bytes.

    Args:
        sightings: all of them.
        query: rows that are queries.
        gallery: rows that are the gallery; a query among them is no candidate for itself.
        how: as in a search; its fleet is the gallery.
        quiet: show no progress.
    """
    if not len(gallery):
        raise CrosswakeError("no sighting is left in the gallery; take a smaller --absent")
    place = {int(row): number for number, row in enumerate(gallery)}
    own = np.array([place.get(int(row), -1) for row in query], np.int64)
    others, shape = sightings.facts.take(gallery), (len(query), len(gallery))
    how = replace(how, fleet=Fleet.of(others))
    parts = {kind: np.zeros(shape, np.float32) for kind in EVIDENCE}
    cosine = (sightings.features[query] @ sightings.features[gallery].T).astype(np.float32)
    with Progress(len(query), "weigh", quiet=quiet) as progress:
        for number, row in enumerate(query):
            raw = look_at(sightings.facts.take(slice(row, row + 1)), others, cosine[number], how)
            for kind in EVIDENCE:
                parts[kind][number] = getattr(raw, kind)
            progress.advance(1)
    rows = np.flatnonzero(own >= 0)
    for matrix in (*parts.values(), cosine):
        matrix[rows, own[rows]] = -np.inf
    return Comparison(
        parts=parts,
        cosine=cosine,
        query=sightings.ship[query],
        gallery=sightings.ship[gallery],
        own=own,
        directions=tuple(direction_of(bool(one), others.sar) for one in sightings.facts.sar[query]),
    )


def subsets_of(kinds: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Every choice of one or more kinds, in their order."""
    kinds = tuple(kinds)
    for chosen in range(1, 2 ** len(kinds)):
        yield tuple(kind for place, kind in enumerate(kinds) if chosen >> place & 1)
