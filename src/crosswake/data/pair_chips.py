"""Pairs as chips, an optical and a SAR one of each place, so that retrieval among places is
measured with the code that measures it among ships."""

from dataclasses import replace

from crosswake.core.boxes import Box, grid_boxes
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pairs import Pair, PairData, Pairs, cut_pair
from crosswake.data.pixels import pair_size
from crosswake.data.reid import BadFile, Chips, ReidData

WINDOW = (128, 64)
"""Rows and columns of a window that retrieval is measured on, in the proportions of a ship chip."""
WINDOW_STRIDE = (256, 160)
"""Rows and columns from one window to the next; gaps keep neighbouring places apart."""
SCENE_WINDOWS = 4
"""An image with room for this many windows along both sides is a scene, and is cut up."""
LEARNT = "which pretraining learns from by default"


def images_of(pair: Pair) -> tuple[Chip, Chip]:
    """The optical and the SAR chip of one pair; the identity is the place."""
    optical = Chip(
        path=pair.optical,
        identity=pair.id,
        modality=Modality.OPTICAL,
        box=pair.box,
        scene=pair.scene,
        terrain=pair.terrain,
        reading=pair.reading,
    )
    return optical, replace(optical, path=pair.sar, modality=Modality.SAR)


def pair_chips(pairs: Pairs) -> tuple[Chips, Chips]:
    """The optical and the SAR chips of pairs, in their order, each once."""
    both = [images_of(pair) for pair in pairs]
    optical, radar = (dict.fromkeys(images[place] for images in both) for place in (0, 1))
    return tuple(optical), tuple(radar)


def standard_windows(height: int, width: int) -> list[Box]:
    """The windows of a scene that retrieval is measured on; 4 x 6 of a scene of 1024 x 1024.

    Where the last columns hold a window but not the gap after it, that window is left out.
    """
    return grid_boxes((height, width - WINDOW_STRIDE[1] + WINDOW[1]), WINDOW, WINDOW_STRIDE)


def measured_windows(pairs: Pairs, bad: list[BadFile] | None = None) -> Pairs:
    """The pairs that retrieval is measured on: small images whole, scenes cut into windows.

    Args:
        pairs: what to measure.
        bad: scenes whose header cannot be read, or whose two images differ in size, are appended
            here; without it they are errors.

    Raises:
        UnreadableChipError: there is such a scene and no ``bad``.
    """
    found: list[Pair] = []
    for pair in pairs:
        try:
            found += windows_of_scene(pair)
        except UnreadableChipError as error:
            if bad is None:
                raise
            bad.append(BadFile(path=error.path, reason=error.reason))
    return tuple(found)


def windows_of_scene(pair: Pair) -> Pairs:
    """The windows of a large scene; any other pair as it is."""
    if pair.source != "scenes" or pair.box is not None:
        return (pair,)
    height, width = pair_size(pair)
    if height < SCENE_WINDOWS * WINDOW[0] or width < SCENE_WINDOWS * WINDOW[1]:
        return (pair,)
    return cut_pair(pair, standard_windows(height, width))


def pairs_to_measure(data: PairData, split: str | None) -> PairData:
    """The pairs of a split as they are measured; scenes that cannot be read join the bad files.

    Args:
        data: what was read.
        split: ``train``, ``val`` or ``test``. None takes ``val`` where the source declares it,
            else ``test``, else all pairs; the name then says whether ``train`` is among them.

    Raises:
        CrosswakeError: there are none of that split.
    """
    declared = {pair.split for pair in data.pairs}
    chosen = split or next((name for name in ("val", "test") if name in declared), None)
    if chosen is None and declared == {"train"}:
        chosen = "train"
    bad: list[BadFile] = []
    pairs = measured_windows(data.pairs if chosen is None else data.of_split(chosen), bad)
    if chosen is not None:
        name = f"{data.name}, split {chosen}" + (f" ({LEARNT})" if chosen == "train" else "")
    else:
        among = f", pairs of the split train ({LEARNT}) among them" if "train" in declared else ""
        name = f"{data.name}{among}"
    return replace(data, name=name, pairs=pairs, bad_files=(*data.bad_files, *bad))


def as_retrieval(data: PairData) -> ReidData:
    """Optical queries against a SAR gallery, and the reverse.

    Raises:
        CrosswakeError: there are not two places.
    """
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
