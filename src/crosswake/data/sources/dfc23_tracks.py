"""Reads a track of the 2023 IEEE GRSS Data Fusion Contest: tiles, heights and buildings.

    track1/roof_fine_train.json           track2/buildings_only_train.json
    track1/{train,val}/{rgb,sar}          track2/{train,val}/{rgb,sar,dsm}    track2_test_data/...
    track1/image_id/image_id_{val,test}.json

Simulated tiles lie likewise, with references and heights in every split, and ``simulated.json``
above the tracks."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import read_origin
from crosswake.data.reid import BadFile
from crosswake.data.sources.dfc23 import (
    TIFF_SUFFIXES,
    city_of,
    folder_words,
    split_of,
    track_of,
    unlike_published,
)
from crosswake.data.sources.dfc23_references import (
    References,
    has_annotations,
    has_images_only,
    is_own,
    load_json,
    read_numbers,
    read_references,
    track_of_content,
)
from crosswake.data.sources.folders import identifier, images_by_stem, walk
from crosswake.data.tiles import Tile, TileData

IMAGE_FOLDERS = ("rgb", "sar", "dsm")
"""Folders of a split."""
SPLITS = ("train", "val", "test")
SIMULATED_FILE = "simulated.json"
"""File above the tracks that says that the tiles were simulated."""
SIMULATE_COMMAND = "buildings simulate"
"""What the marker says that it was made by."""


@dataclass
class TrackLayout:
    """What lies below a root.

    Attributes:
        root: the folder.
        splits: folder, track (None: its name does not say) and split.
        files: JSON files, track and content.
        bad: files passed over.
    """

    root: Path
    splits: list[tuple[Path, int | None, str]] = field(default_factory=list)
    files: list[tuple[Path, int | None, Any]] = field(default_factory=list)
    bad: list[BadFile] = field(default_factory=list)

    @property
    def tracks(self) -> tuple[int, ...]:
        """Those that folders of tiles belong to, by their names or by the files beside them."""
        named = {track for _, track, _ in self.splits} - {None}
        named = named or {track for _, track, _ in self.files} - {None}
        return tuple(sorted(track for track in named if track))


def tracks_of(root: Path) -> tuple[int, ...]:
    """The tracks in a folder, 1, 2 or both.

    Raises:
        CrosswakeError: no such folder, or no tiles in it.
    """
    return find_tracks(root).tracks


def read_tiles(root: Path, track: int | None = None) -> TileData:
    """Read one track; pixels are not touched.

    Args:
        root: the folder of both tracks, or of one.
        track: 1 or 2; None for the one that is there.

    Raises:
        CrosswakeError: no such folder, no tiles in it, or several tracks and none chosen.
    """
    layout = find_tracks(root)
    track = chosen_track(layout, track)
    own = [entry for entry in layout.splits if entry[1] == track]
    own = own or [entry for entry in layout.splits if entry[1] is None]
    images = {split: images_of_split(layout, own, split) for split in sorted({e[2] for e in own})}
    simulated = is_simulated(root)
    notes: list[str] = []
    tiles: list[Tile] = []
    bad = list(layout.bad)
    for split in (name for name in SPLITS if name in images):
        references = references_of(layout, track, split, bad)
        if references is None and split != "train":
            notes.append(
                f"track {track}, {split}: no image-id file; tiles are numbered from 0 by their name"
            )
        tiles += tiles_of_split(split, images[split], references, bad)
    counts: Counter[tuple[int | None, str]] = Counter((track, tile.split) for tile in tiles)
    return TileData(
        name=f"{'simulated' if simulated else 'dfc23'}_track{track}",
        root=root,
        track=track,
        tiles=tuple(tiles),
        bad_files=tuple(bad),
        notes=(*notes, *([] if simulated else unlike_published(counts, "tile"))),
        simulated=simulated,
    )


def chosen_track(layout: TrackLayout, track: int | None) -> int:
    """The track to read.

    Raises:
        CrosswakeError: it is not there, or nothing says which.
    """
    there = layout.tracks
    if track is None and len(there) == 1:
        return there[0]
    if track is not None and (track in there or not there):
        return track
    if track is not None:
        raise CrosswakeError(f"{layout.root}: holds no tiles of track {track}, but of {there[0]}")
    what = "holds both tracks" if there else "does not say which track it holds"
    raise CrosswakeError(f"{layout.root}: {what}; choose one with --track 1 or --track 2")


def find_tracks(root: Path) -> TrackLayout:
    """Folders of tiles and JSON files below ``root``.

    Raises:
        CrosswakeError: no such folder, or no tiles in it.
    """
    layout = TrackLayout(root)
    for folder, folders, names in walk(root, layout.bad):
        kinds = [name for name in folders if name in IMAGE_FOLDERS]
        if kinds:
            split = split_of(root, folder)
            if split:
                layout.splits.append((folder, track_of(root, folder), split))
            else:
                reason = "holds tiles, but no folder's name says train, val or test; rename it"
                layout.bad.append(BadFile(path=folder, reason=reason))
            folders[:] = [name for name in folders if name not in IMAGE_FOLDERS]
        for name in names:
            if name.lower().endswith(".json") and name != SIMULATED_FILE:
                add_file(layout, folder / name)
    if not layout.splits:
        raise CrosswakeError(
            f"{root}: holds no DFC23 tiles (track1/train/rgb and track1/train/sar, and the like); "
            "is this the right folder?"
        )
    return layout


def add_file(layout: TrackLayout, path: Path) -> None:
    """Take up a JSON file of the contest; those of this package are none."""
    content = load_json(path, layout.bad)
    if content is None or (is_own(content) and not has_annotations(content)):
        return
    track = track_of(layout.root, path.with_suffix(""))
    if track is None and has_annotations(content):
        track = track_of_content(content)
    layout.files.append((path, track, content))


def is_simulated(root: Path) -> bool:
    """Whether a marker in the folder, or above it, says so."""
    origins = (read_origin(folder / SIMULATED_FILE) for folder in (root, root.resolve().parent))
    return any(origin and origin["command"] == SIMULATE_COMMAND for origin in origins)


def images_of_split(
    layout: TrackLayout, folders: Sequence[tuple[Path, int | None, str]], split: str
) -> dict[str, dict[str, Path]]:
    """Paths by stem of each kind; a second file of a name goes to the bad ones."""
    found: dict[str, dict[str, Path]] = {kind: {} for kind in IMAGE_FOLDERS}
    for folder in (folder for folder, _, name in folders if name == split):
        for kind in IMAGE_FOLDERS:
            if not (folder / kind).is_dir():
                continue
            for stem, path in images_by_stem(folder / kind, layout.bad, TIFF_SUFFIXES).items():
                first = found[kind].setdefault(stem, path)
                if first is not path:
                    reason = f"stands there twice, as {identifier(first, layout.root)} as well"
                    layout.bad.append(BadFile(path=path, reason=reason))
    return found


def references_of(
    layout: TrackLayout, track: int, split: str, bad: list[BadFile]
) -> References | None:
    """What says the image ids, and where it can the buildings, of a split; its faults go to
    ``bad``.

    Of several files of references, a corrected one is taken, else the first by name.
    """
    annotated, numbered = [], []
    for path, of_track, content in sorted(
        layout.files, key=lambda entry: correction_first(entry[0])
    ):
        words = path.with_suffix("")
        if of_track not in (track, None) or split_of(layout.root, words) != split:
            continue
        if "image_id" in folder_words(layout.root, words) or has_images_only(content):
            numbered.append((path, content))
        elif has_annotations(content):
            annotated.append((path, content))
        else:
            bad.append(BadFile(path=path, reason="neither references nor image ids"))
    for path, _ in annotated[1:]:
        reason = f"passed over, since {annotated[0][0].name} has the references of {split}"
        bad.append(BadFile(path=path, reason=reason))
    if annotated:
        found = read_references(*annotated[0], track)
    elif numbered:
        found = read_numbers(*numbered[0])
    else:
        return None
    bad += found.faults
    return found


def correction_first(path: Path) -> tuple[bool, str]:
    """Sorts ``roof_fine_train_corrected.json``, which the contest published later, before the
    first edition."""
    return not re.search("corrected", path.stem), str(path)


def tiles_of_split(
    split: str,
    images: dict[str, dict[str, Path]],
    references: References | None,
    bad: list[BadFile],
) -> Iterator[Tile]:
    """The tiles of a split by stem, each with whatever of its files is there."""
    stems = sorted(set().union(*images.values()))
    if references is not None:
        bad += unlisted(references, images, stems)
    for place, stem in enumerate(stems):
        if references is None:
            number = None if split == "train" else place
        else:
            number = references.numbers.get(stem)
        buildings = None
        if references and references.buildings is not None and number is not None:
            buildings = tuple(references.buildings[number])
        yield Tile(
            stem=stem,
            image_id=number,
            rgb=images["rgb"].get(stem),
            sar=images["sar"].get(stem),
            height=images["dsm"].get(stem),
            split=split,
            city=city_of(stem),
            shape=references.shapes.get(stem) if references else None,
            buildings=buildings,
        )


def unlisted(
    references: References, images: dict[str, dict[str, Path]], stems: Iterable[str]
) -> Iterator[BadFile]:
    """Tiles that a file does not list, and entries of it without a tile."""
    there = set(stems)
    for stem in sorted(there - references.numbers.keys()):
        path = next(paths[stem] for paths in images.values() if stem in paths)
        yield BadFile(path=path, reason=f"not listed in {references.path.name}")
    for stem in sorted(references.numbers.keys() - there):
        reason = f"lists an image that is not there ({stem}, id {references.numbers[stem]})"
        yield BadFile(path=references.path, reason=reason)
