"""Counts a data set: its splits and its protocols."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from crosswake.data.check.chips import unmatched
from crosswake.data.check.facts import ChipFacts
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import (
    Chips,
    ProtocolName,
    ReidData,
    cross_modal_identities,
    identities,
    of_modality,
)


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """One row of the table of splits; medians over the chips that could be read, None without any.

    Attributes:
        name: ``train``, ``query`` or ``gallery``.
        identities: distinct ones.
        chips: all, readable or not.
        optical: chips of that modality.
        sar: chips of that modality.
        cross_modal: identities seen in both modalities.
        height: median, in pixels.
        width: median, in pixels.
        height_m: median on the ground, in metres.
        width_m: median on the ground, in metres.
    """

    name: str
    identities: int
    chips: int
    optical: int
    sar: int
    cross_modal: int
    height: float | None
    width: float | None
    height_m: float | None
    width_m: float | None


@dataclass(frozen=True, kw_only=True)
class ProtocolStatistics:
    """One row of the table of protocols.

    Attributes:
        name: ``all``, ``o2s`` or ``s2o``.
        query: number of query chips.
        gallery: number of gallery chips.
        unmatched: queries whose identity the gallery does not hold.
        fixed: whether the data set says which chips are queries and gallery; else modality does.
    """

    name: ProtocolName
    query: int
    gallery: int
    unmatched: int
    fixed: bool


def split_statistics(data: ReidData, facts: Mapping[Chip, ChipFacts]) -> list[SplitStatistics]:
    """Count train, query and gallery."""
    splits = {"train": data.train, "query": data.query, "gallery": data.gallery}
    return [count_split(name, chips, facts) for name, chips in splits.items()]


def count_split(name: str, chips: Chips, facts: Mapping[Chip, ChipFacts]) -> SplitStatistics:
    """Count one split."""
    seen = [(chip, facts[chip]) for chip in chips if chip in facts]
    ground = [chip.ground_extent(fact.height, fact.width) for chip, fact in seen]
    return SplitStatistics(
        name=name,
        identities=len(identities(chips)),
        chips=len(chips),
        optical=len(of_modality(chips, Modality.OPTICAL)),
        sar=len(of_modality(chips, Modality.SAR)),
        cross_modal=len(cross_modal_identities(chips)),
        height=median(fact.height for _, fact in seen) if seen else None,
        width=median(fact.width for _, fact in seen) if seen else None,
        height_m=median(height_m for _, height_m in ground) if seen else None,
        width_m=median(width_m for width_m, _ in ground) if seen else None,
    )


def protocol_statistics(data: ReidData) -> list[ProtocolStatistics]:
    """Count the three protocols."""
    rows = []
    for name in data.protocols:
        query, gallery = data.protocol(name)
        rows.append(
            ProtocolStatistics(
                name=name,
                query=len(query),
                gallery=len(gallery),
                unmatched=len(unmatched(data, name)),
                fixed=name == "all" or name in data.subsets,
            )
        )
    return rows
