"""The table every optical-SAR data set becomes, whatever its files look like."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import AS_THE_FILE_SAYS, Reading
from crosswake.data.reid import BadFile


class NoPairsError(CrosswakeError):
    """A folder that looks like a layout of pairs but holds no pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """An optical and a SAR image of the same place, or the same window of both.

    Attributes:
        optical: the optical file.
        sar: the SAR file.
        id: the place; pairs of equal ids show the same place, so that training does not push them
            apart.
        source: ``sen12``, ``dfc23``, ``scenes``, or what a manifest says.
        scene: what one splits by (SEN1-2: season and scene; DFC23: city; scenes: the file); empty
            if unknown.
        terrain: land cover, where the source sorts by it.
        season: where known.
        city: where known.
        split: ``train``, ``val`` or ``test`` if the source declares one, else empty.
        box: the window of both files; None for the whole.
        reading: how the bands of the SAR file are read.
    """

    optical: Path
    sar: Path
    id: str
    source: str
    scene: str = ""
    terrain: str = ""
    season: str = ""
    city: str = ""
    split: str = ""
    box: Box | None = None
    reading: Reading = AS_THE_FILE_SAYS


Pairs = tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class PairData:
    """Pairs, and what was passed over.

    Attributes:
        name: what results are said to be measured on.
        root: the folder it was read from.
        pairs: in a fixed order; no two of the same files and window.
        bad_files: files passed over while reading names, images without a partner among them.
        notes: how the set differs from the published one, a line each.
    """

    name: str
    root: Path
    pairs: Pairs
    bad_files: tuple[BadFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len({(pair.optical, pair.sar, pair.box) for pair in self.pairs}) < len(self.pairs):
            raise ValueError(f"{self.root}: the same two files are paired twice")

    def __repr__(self) -> str:
        """Counts in place of thousands of pairs."""
        scenes = {(pair.source, pair.scene) for pair in self.pairs if pair.scene}
        return f"<PairData {self.name!r}: pairs {len(self.pairs):,}, known scenes {len(scenes):,}>"

    def of_split(self, split: str) -> Pairs:
        """The pairs that the source declares to be of ``split``.

        Raises:
            CrosswakeError: there are none.
        """
        chosen = tuple(pair for pair in self.pairs if pair.split == split)
        if not chosen:
            known = ", ".join(sorted({pair.split for pair in self.pairs} - {""})) or "none"
            raise CrosswakeError(
                f"{self.root}: no pairs of the split '{split}'; declared are: {known}"
            )
        return chosen

    def split_by_scene(self, fraction: float, seed: int) -> "SceneSplit":
        """Hold out whole scenes, so that no place is seen in training.

        Args:
            fraction: share of the scenes to hold out, of each source that has two or more; at least
                one of each.
            seed: which.

        Raises:
            CrosswakeError: no source has two scenes.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"fraction is {fraction}; it must lie between 0 and 1")
        held = held_scenes(self.pairs, fraction, seed)
        if not held:
            raise CrosswakeError(
                f"{self.root}: no source with two scenes, so none can be held out; add scenes"
            )
        known = [pair for pair in self.pairs if pair.scene]
        return SceneSplit(
            train=tuple(pair for pair in known if (pair.source, pair.scene) not in held),
            held=tuple(pair for pair in known if (pair.source, pair.scene) in held),
            unplaced=tuple(pair for pair in self.pairs if not pair.scene),
        )


@dataclass(frozen=True, kw_only=True)
class SceneSplit:
    """Pairs split by scene.

    Attributes:
        train: to learn from.
        held: of scenes that ``train`` has none of.
        unplaced: of no known scene (DFC23 val and test); they may show places of either part.
    """

    train: Pairs
    held: Pairs
    unplaced: Pairs


@dataclass(frozen=True, kw_only=True)
class PairLayout:
    """One way in which folders hold pairs, and where its data comes from.

    Attributes:
        name: as in :attr:`Pair.source`.
        title: as people write it.
        recognise: whether a folder, with the names of the folders in it, has this layout.
        depth: how many levels below the root such a folder may lie.
        read: reads the table of pairs below a root.
        source: where the data set is published.
        licence: in words.
        citation: whom to cite.
        tag: what names of built pairs begin with; empty where nothing is built from it.
    """

    name: str
    title: str
    recognise: Callable[[Path, Sequence[str]], bool]
    depth: int
    read: Callable[[Path], PairData]
    source: str
    licence: str
    citation: str
    tag: str = ""


def held_scenes(pairs: Iterable[Pair], fraction: float, seed: int) -> set[tuple[str, str]]:
    """(source, scene) of the scenes to hold out, as :meth:`PairData.split_by_scene` does."""
    scenes: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.scene:
            scenes[pair.source].add(pair.scene)
    held = set()
    random = np.random.default_rng(seed)
    for source, names in sorted(scenes.items()):
        count = min(max(1, round(fraction * len(names))), len(names) - 1)
        held |= {(source, str(name)) for name in random.permutation(sorted(names))[:count]}
    return held


def cut_pair(pair: Pair, boxes: Iterable[Box]) -> Pairs:
    """Windows of one pair as pairs of their own; no file is read or written."""
    return tuple(replace(pair, id=f"{pair.id}/{box}", box=box) for box in boxes)


def pairs_fingerprint(pairs: Iterable[Pair]) -> str:
    """Twelve hex digits that change when a pair's files, sizes, window or place do.

    They do not change when the data set's folder is moved or renamed.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        names = [
            f"{path.parent.name}/{path.name}|{path.stat().st_size}"
            for path in (pair.optical, pair.sar)
        ]
        # The ids of scenes begin with the name of their folder.
        place = (pair.source == "scenes" and pair.id.partition("/")[2]) or pair.id
        digest.update(f"{names}|{pair.box or ''}|{place}\n".encode())
    return digest.hexdigest()[:12]
