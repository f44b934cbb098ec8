"""The table every re-identification data set becomes, whatever its files look like."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import data_frame
from crosswake.core.text import counted
from crosswake.data.archives import on_disk
from crosswake.data.chips import Chip, Modality

Chips = tuple[Chip, ...]
ProtocolName = Literal["all", "o2s", "s2o"]
PROTOCOLS: tuple[ProtocolName, ...] = ("all", "o2s", "s2o")
"""All to all, optical to SAR, SAR to optical (arXiv 2506.22027, section 5.1)."""

DIRECTION: dict[ProtocolName, tuple[Modality, Modality]] = {
    "o2s": (Modality.OPTICAL, Modality.SAR),
    "s2o": (Modality.SAR, Modality.OPTICAL),
}
"""Modality of the queries and of the gallery."""

UNKNOWN = ""
"""The identity of a ship that nobody knows. Chips of unknown ships are equal to none: in a gallery
they are distractors, as queries they have no match, and they are never a class to learn."""


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """A file that was passed over, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReidData:
    """Chips for training, and queries and galleries for each protocol.

    Attributes:
        name: what results are said to be measured on, such as ``hoss_places``.
        root: the folder or table it was read from.
        train: chips to learn from, all of known ships; may be empty.
        query: queries of the protocol ``all``; may be empty.
        gallery: gallery of the protocol ``all``; may be empty. It may hold chips of unknown ships,
            and queries: a chip is no answer to itself (:func:`own_rows`).
        unnamed: training chips of unknown ships, which nothing is learnt from.
        told_apart: pairs of training identities that a person took for one another, or might have,
            and found to be two ships.
        subsets: query and gallery of ``o2s`` or ``s2o`` where the data set fixes them.
        bad_files: files that were passed over while reading names.
        protocols: those that make sense for this data.
        subject: what an identity is, as reports call it.
    """

    name: str
    root: Path
    train: Chips = ()
    query: Chips = ()
    gallery: Chips = ()
    unnamed: Chips = ()
    told_apart: tuple[tuple[str, str], ...] = ()
    subsets: Mapping[ProtocolName, tuple[Chips, Chips]] = field(default_factory=dict)
    bad_files: tuple[BadFile, ...] = ()
    protocols: tuple[ProtocolName, ...] = PROTOCOLS
    subject: Literal["ship", "place"] = "ship"

    def __repr__(self) -> str:
        """Counts in place of thousands of chips."""
        sizes = (("train", self.train), ("query", self.query), ("gallery", self.gallery))
        counts = ", ".join(f"{len(chips):,} {split}" for split, chips in sizes)
        of = counted(len(identities(self.all_chips())), self.subject)
        left_out = f", {counted(len(self.bad_files), 'file')} left out" if self.bad_files else ""
        return f"<ReidData {self.name!r}: {counts} chips of {of}{left_out}>"

    def to_pandas(self) -> Any:
        """A DataFrame with a row for each chip: its split, and its fields.

        Of the fixed subsets the chips that are in no other split, as ``o2s_query`` and so on.

        Raises:
            CrosswakeError: pandas is not installed.
        """
        splits = [("train", self.train), ("query", self.query), ("gallery", self.gallery)]
        for name, (query, gallery) in self.subsets.items():
            splits += [(f"{name}_query", query), (f"{name}_gallery", gallery)]
        known: set[Chip] = set()
        rows: list[tuple[str, Chip]] = []
        for split, chips in splits:
            rows += [(split, chip) for chip in chips if chip not in known]
            known.update(chips)
        columns: dict[str, Any] = {
            "split": [split for split, _ in rows],
            "path": [str(chip.path) for _, chip in rows],
            "modality": [chip.modality.label for _, chip in rows],
        }
        for one in fields(Chip):
            values = [getattr(chip, one.name) for _, chip in rows]
            if one.type == (float | None):
                columns[one.name] = np.array(values, np.float64)
            elif one.type is str:
                columns[one.name] = [value or None for value in values]
        return data_frame(columns)

    def protocol(self, name: ProtocolName) -> tuple[Chips, Chips]:
        """Query and gallery chips of one protocol: the subset that the data set fixes, else all
        chips of the modalities that the protocol compares."""
        if name in self.subsets:
            return self.subsets[name]
        if name == "all":
            return self.query, self.gallery
        query, gallery = DIRECTION[name]
        return of_modality(self.query, query), of_modality(self.gallery, gallery)

    def all_chips(self) -> Chips:
        """Every distinct chip of train, unnamed, query, gallery and subsets, in that order."""
        parts = [self.train, self.unnamed, self.query, self.gallery]
        parts += [chips for pair in self.subsets.values() for chips in pair]
        return tuple(dict.fromkeys(chip for part in parts for chip in part))

    def require_train(self) -> Chips:
        """Training chips; an error says what is missing if there are none, or a single identity."""
        if len(identities(self.train)) < 2:
            raise CrosswakeError(
                f"{self.root}: training needs chips of at least two identities, found "
                f"{counted(len(self.train), 'chip')} of {len(identities(self.train))}, and "
                f"{len(self.unnamed)} of unknown ships; is this the right folder?"
            )
        return self.train

    def require_test(self) -> None:
        """Raise unless a protocol has queries and a gallery."""
        if any(all(self.protocol(name)) for name in self.protocols):
            return
        for part, chips in (("query", self.query), ("gallery", self.gallery)):
            if not chips:
                raise CrosswakeError(
                    f"{self.root}: no {part} chips to evaluate with; is this the right folder?"
                )


def of_modality(chips: Iterable[Chip], modality: Modality) -> Chips:
    """The chips of one modality, in order."""
    return tuple(chip for chip in chips if chip.modality == modality)


def identities(chips: Iterable[Chip]) -> list[str]:
    """The distinct known identities, sorted, so that labels are the same in every process."""
    return sorted({chip.identity for chip in chips} - {UNKNOWN})


def cross_modal_identities(chips: Iterable[Chip]) -> list[str]:
    """The known identities that have chips of both modalities, sorted."""
    seen = Counter(identity for identity, _ in {(chip.identity, chip.modality) for chip in chips})
    return sorted(name for name, modalities in seen.items() if modalities == 2 and name != UNKNOWN)


def match_labels(query: Chips, gallery: Chips) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each query and each gallery chip, equal where both show one known ship.

    Whether a chip is the query itself is another question: see :func:`own_rows`.
    """
    number = {name: place for place, name in enumerate(identities((*query, *gallery)))}
    of_query = [number.get(chip.identity, -1) for chip in query]
    of_gallery = [number.get(chip.identity, -2) for chip in gallery]
    return np.array(of_query, dtype=np.int64), np.array(of_gallery, dtype=np.int64)


def own_rows(query: Chips, gallery: Chips) -> NDArray[np.int64]:
    """For each query its own place in the gallery, -1 where it is not there.

    In leave-one-out, every chip is a query and in the gallery; the query itself is then taken out
    of the gallery that it is compared with.
    """
    place = {(chip.path, chip.box): row for row, chip in enumerate(gallery)}
    return np.array([place.get((chip.path, chip.box), -1) for chip in query], dtype=np.int64)


def training_fingerprint(data: ReidData) -> str:
    """:func:`chips_fingerprint` of the training chips, and of the pairs that are told apart."""
    chips = chips_fingerprint(data.train)
    if not data.told_apart:
        return chips
    return hashlib.sha256(f"{chips}|{data.told_apart}".encode()).hexdigest()[:12]


def chips_fingerprint(chips: Iterable[Chip]) -> str:
    """Twelve hex digits that change when a file's name, size, identity or modality does.

    Of a path only the last folder and the name count, so that data may be moved to another disk.
    """
    digest = hashlib.sha256()
    for chip in sorted(chips, key=lambda chip: (chip.path.parent.name, chip.path.name)):
        file = on_disk(chip.path)
        size = file.stat().st_size if file.exists() else -1
        name = f"{chip.path.parent.name}/{chip.path.name}"
        line = f"{name}|{size}|{chip.identity}|{chip.modality.label}|{chip.box or ''}\n"
        digest.update(line.encode())
    return digest.hexdigest()[:12]
