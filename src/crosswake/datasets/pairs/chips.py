"""Pairs as chips, an optical and a SAR one of each place: retrieval among places is measured as among ships."""

from dataclasses import replace

from crosswake.chips import Chip, Modality
from crosswake.datasets.pairs.pixels import size_of
from crosswake.datasets.pairs.scenes import WINDOW, standard_windows
from crosswake.datasets.pairs.table import PairData, Pairs, cut
from crosswake.datasets.reid import ReidData
from crosswake.errors import CrosswakeError

LARGE = 4
"""An image that would hold this many windows a side is a scene, and is cut up to be measured."""


def pair_chips(pairs: Pairs) -> tuple[tuple[Chip, ...], tuple[Chip, ...]]:
    """The optical and the SAR chips of pairs, in their order; the identity is the place."""
    halves = []
    for modality in Modality:
        chips = [
            Chip(
                path=pair.optical if modality is Modality.OPTICAL else pair.sar,
                identity=pair.id,
                modality=modality,
                box=pair.box,
                scene=pair.scene,
                terrain=pair.terrain,
            )
            for pair in pairs
        ]
        halves.append(tuple(dict.fromkeys(chips)))
    return halves[0], halves[1]


def measured_windows(pairs: Pairs) -> Pairs:
    """The pairs that retrieval is measured on: small images whole, large scenes cut on the standard grid.

    Raises:
        UnreadableChipError: the header of a scene cannot be read.
    """
    found: list[Pairs] = []
    for pair in pairs:
        if pair.source != "scenes" or pair.box is not None:
            found.append((pair,))
            continue
        height, width = size_of(pair)
        if height < LARGE * WINDOW[0] or width < LARGE * WINDOW[1]:
            found.append((pair,))
        else:
            found.append(cut(pair, standard_windows(height, width)))
    return tuple(pair for part in found for pair in part)


def pairs_to_measure(data: PairData, split: str | None) -> PairData:
    """The pairs of a split as they are measured.

    Args:
        data: what was read.
        split: ``train``, ``val`` or ``test``; None takes ``val`` where the source declares it, else ``test``, else all.

    Raises:
        CrosswakeError: there are none of that split.
    """
    declared = {pair.split for pair in data.pairs}
    chosen = split or next((name for name in ("val", "test") if name in declared), None)
    pairs = data.pairs if chosen is None else data.of_split(chosen)
    name = data.name if chosen is None else f"{data.name}, split {chosen}"
    return replace(data, name=name, pairs=measured_windows(pairs))


def as_retrieval(data: PairData) -> ReidData:
    """Both directions among pairs: the optical chips ask the SAR ones, and the reverse."""
    optical, radar = pair_chips(data.pairs)
    if len({chip.identity for chip in optical}) < 2:
        raise CrosswakeError(f"{data.root}: retrieval needs pairs of at least two places, found {len(optical)}")
    return ReidData(
        name=data.name,
        root=data.root,
        query=optical + radar,
        gallery=optical + radar,
        subsets={"o2s": (optical, radar), "s2o": (radar, optical)},
        bad_files=data.bad_files,
        protocols=("o2s", "s2o"),
        subject="place",
    )
