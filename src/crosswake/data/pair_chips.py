"""Pairs as chips, an optical and a SAR one of each place: retrieval among places is measured as
among ships."""

from dataclasses import replace

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pair_pixels import size_of
from crosswake.data.pairs import Pair, PairData, Pairs, cut
from crosswake.data.reid import BadFile, Chips, ReidData
from crosswake.data.sources.scenes import WINDOW, standard_windows

LARGE = 4
"""An image that would hold this many windows a side is a scene, and is cut up to be measured."""
LEARNT = "which pretraining learns from by default"


def halves(pair: Pair) -> tuple[Chip, Chip]:
    """The optical and the SAR chip of one pair; the identity is the place."""
    optical = Chip(
        path=pair.optical,
        identity=pair.id,
        modality=Modality.OPTICAL,
        box=pair.box,
        scene=pair.scene,
        terrain=pair.terrain,
    )
    return optical, replace(optical, path=pair.sar, modality=Modality.SAR)


def pair_chips(pairs: Pairs) -> tuple[Chips, Chips]:
    """The optical and the SAR chips of pairs, in their order, each once."""
    both = [halves(pair) for pair in pairs]
    return tuple(dict.fromkeys(optical for optical, _ in both)), tuple(
        dict.fromkeys(radar for _, radar in both)
    )


def measured_windows(pairs: Pairs, bad: list[BadFile] | None = None) -> Pairs:
    """The pairs that retrieval is measured on: small images whole, large scenes cut on the standard
    grid.

    Args:
        pairs: what to measure.
        bad: scenes whose header cannot be read or whose halves differ in size go here; without it
            they are errors.

    Raises:
        UnreadableChipError: there is such a scene and no ``bad``.
    """
    found: list[Pair] = []
    for pair in pairs:
        try:
            found += windows_of(pair)
        except UnreadableChipError as error:
            if bad is None:
                raise
            bad.append(BadFile(path=error.path, reason=error.reason))
    return tuple(found)


def windows_of(pair: Pair) -> Pairs:
    """The windows of a large scene; any other pair as it is."""
    if pair.source != "scenes" or pair.box is not None:
        return (pair,)
    height, width = size_of(pair)
    if height < LARGE * WINDOW[0] or width < LARGE * WINDOW[1]:
        return (pair,)
    return cut(pair, standard_windows(height, width))


def pairs_to_measure(data: PairData, split: str | None) -> PairData:
    """The pairs of a split as they are measured; scenes that cannot be are among its bad files.

    Args:
        data: what was read.
        split: ``train``, ``val`` or ``test``; None takes ``val`` where the source declares it, else
            ``test``, else all, and the name says where ``train`` is among them.

    Raises:
        CrosswakeError: there are none of that split.
    """
    declared = {pair.split for pair in data.pairs}
    chosen = split or next((name for name in ("val", "test") if name in declared), None)
    if chosen is None and declared == {"train"}:
        chosen = "train"
    bad: list[BadFile] = []
    pairs = measured_windows(data.pairs if chosen is None else data.of_split(chosen), bad)
    name = measured_name(data.name, chosen, declared)
    return replace(data, name=name, pairs=pairs, bad_files=(*data.bad_files, *bad))


def measured_name(name: str, chosen: str | None, declared: set[str]) -> str:
    """What results are said to be measured on: the split, and whether a model may have learnt from
    it."""
    if chosen == "train":
        return f"{name}, split train ({LEARNT})"
    if chosen is not None:
        return f"{name}, split {chosen}"
    return (
        f"{name}, pairs of the split train ({LEARNT}) among them" if "train" in declared else name
    )


def as_retrieval(data: PairData) -> ReidData:
    """Both directions among pairs: the optical chips ask the SAR ones, and the reverse."""
    optical, radar = pair_chips(data.pairs)
    places = len({chip.identity for chip in optical})
    if places < 2:
        bad = "".join(f"; left out is {one.path}: {one.reason}" for one in data.bad_files[:1])
        raise CrosswakeError(
            f"{data.root}: retrieval needs pairs of at least two places, found {places}{bad}"
        )
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
