"""What a build of OptiSar_Pair will make, decided before anything is written."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crosswake.core.boxes import Box, grid_boxes, random_boxes, tile_boxes
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import track
from crosswake.data.build.settings import BuildSettings
from crosswake.data.chips import AS_THE_FILE_SAYS, Reading, UnreadableChipError
from crosswake.data.pairs import Pair, PairData
from crosswake.data.pixels import image_size
from crosswake.data.reading import pairs_read_as
from crosswake.data.reid import BadFile
from crosswake.data.sources.dfc23 import DFC23
from crosswake.data.sources.scenes import SCENES
from crosswake.data.sources.sen12 import SEN12

BUILT_FROM = {layout.name: layout for layout in (DFC23, SEN12, SCENES)}
"""The layouts that pairs are built from, in the order in which pair ids are given."""
DEFAULT_PER_SCENE = 64
BOXES_PER_JOB = 64
"""Windows that one job reads together. Few, so that several threads share a large scene and none
has to hold all of it in memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildJob:
    """One pair of source files, and some of the windows to be cut from it.

    Attributes:
        pair: the files.
        first_id: pair id of the first window; the others follow.
        boxes: the windows; None is the whole image.
    """

    pair: Pair
    first_id: int
    boxes: tuple[Box | None, ...]


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """Everything to be made.

    Attributes:
        settings: as given.
        sources: in the order of ids.
        jobs: in the order of ids.
        bad_files: of the sources, and scenes that are too small to cut.
        fingerprint: changes when a file's name, a window or a setting that changes pairs does.
    """

    settings: BuildSettings
    sources: tuple[PairData, ...]
    jobs: tuple[BuildJob, ...]
    bad_files: tuple[BadFile, ...]
    fingerprint: str

    @property
    def pair_count(self) -> int:
        """Pairs to look at; fewer may be written."""
        return sum(len(job.boxes) for job in self.jobs)

    def describe(self) -> dict[str, Any]:
        """What a later run into the same folder must have in common with this one."""
        return {
            "settings": binding(self.settings),
            "sources": [f"{source_kind(data)}: {len(data.pairs)} pairs" for data in self.sources],
            "fingerprint": self.fingerprint,
        }


def plan_build(
    roots: Iterable[tuple[str, Path]],
    settings: BuildSettings,
    quiet: bool = False,
    reading: Reading = AS_THE_FILE_SAYS,
) -> BuildPlan:
    """Read the names of all files and decide on windows and ids.

    Args:
        roots: kind (``dfc23``, ``sen12``, ``scenes``) and folder of each source.
        settings: how to cut.
        quiet: show no progress.
        reading: how SAR files with several bands are read.

    Raises:
        CrosswakeError: no source, one named twice, or one that holds no pairs.
    """
    named = sorted(roots, key=lambda item: list(BUILT_FROM).index(item[0]))
    if not named:
        raise CrosswakeError(
            "nothing to build from; name a source with --sen12, --dfc23 or --scenes"
        )
    places = [root.resolve() for _, root in named]
    twice = next((root for root in places if places.count(root) > 1), None)
    if twice is not None:
        raise CrosswakeError(f"{twice}: named twice as a source; leave one out")
    sources = tuple(pairs_read_as(BUILT_FROM[kind].read(root), reading) for kind, root in named)
    bad = [file for data in sources for file in data.bad_files]
    jobs = tuple(make_jobs(sources, settings, bad, quiet))
    if not jobs:
        first = f"; the first: {bad[0].path}: {bad[0].reason}" if bad else ""
        raise CrosswakeError(f"none of the sources' pairs can be used{first}")
    return BuildPlan(
        settings=settings,
        sources=sources,
        jobs=jobs,
        bad_files=tuple(bad),
        fingerprint=plan_fingerprint(sources, jobs, settings),
    )


def make_jobs(
    sources: Iterable[PairData], settings: BuildSettings, bad: list[BadFile], quiet: bool
) -> Iterator[BuildJob]:
    """Jobs for each pair of files, with consecutive ids from 1."""
    next_id = 1
    pairs = list(pairs_of(sources))
    no_sizes_read = settings.tile is None
    for pair in track(pairs, len(pairs), "planning", "pairs", quiet or no_sizes_read):
        try:
            boxes = choose_boxes(pair, settings)
        except UnreadableChipError as error:
            bad.append(BadFile(path=error.path, reason=error.reason))
            continue
        for start in range(0, len(boxes), BOXES_PER_JOB):
            yield BuildJob(
                pair=pair, first_id=next_id + start, boxes=boxes[start : start + BOXES_PER_JOB]
            )
        next_id += len(boxes)


def choose_boxes(pair: Pair, settings: BuildSettings) -> tuple[Box | None, ...]:
    """The windows to cut from one pair of files.

    Raises:
        UnreadableChipError: the optical file's size cannot be read where it matters, or is too
            small for a crop.
    """
    if pair.source != "scenes":
        return (
            (None,)
            if settings.tile is None
            else tuple(tile_boxes(image_size(pair.optical), settings.tile))
        )
    size = image_size(pair.optical)
    if settings.crops == "grid":
        boxes = grid_boxes(size, settings.crop_size, settings.stride)
    else:
        seed = [settings.seed, zlib.crc32(pair.id.encode())]
        boxes = random_boxes(
            size, settings.crop_size, settings.per_scene or DEFAULT_PER_SCENE, seed
        )
    if not boxes:
        wanted = "{} x {}".format(*settings.crop_size)
        raise UnreadableChipError(
            pair.optical, f"smaller ({size[0]} x {size[1]}) than --crop_size {wanted}"
        )
    return tuple(boxes)


def binding(settings: BuildSettings) -> dict[str, Any]:
    """The settings that decide what is written.

    A ``max_offset`` that only lists pairs is left out, so that it may change between runs.
    """
    values = asdict(settings)
    if not settings.drop_misregistered:
        values["max_offset"] = None
    described: dict[str, Any] = json.loads(json.dumps(values))  # JSON makes lists of tuples
    return described


def plan_fingerprint(
    sources: Iterable[PairData], jobs: Iterable[BuildJob], settings: BuildSettings
) -> str:
    """Sixteen hex digits of the settings, the files' places below their roots, and the windows.

    File sizes are left out, so that after a truncated file was fetched again, everything else need
    not be built again.
    """
    digest = hashlib.sha256(json.dumps(binding(settings), sort_keys=True).encode())
    roots = [data.root for data in sources for _ in data.pairs]
    by_files = {
        (pair.optical, pair.sar): root for root, pair in zip(roots, pairs_of(sources), strict=True)
    }
    for job in jobs:
        root = by_files[job.pair.optical, job.pair.sar]
        files = [path.relative_to(root).as_posix() for path in (job.pair.optical, job.pair.sar)]
        read = "" if job.pair.reading == AS_THE_FILE_SAYS else f"|{job.pair.reading}"
        boxes = [str(box) for box in job.boxes]
        digest.update(f"{job.first_id}|{job.pair.source}|{files}|{boxes}{read}\n".encode())
    return digest.hexdigest()[:16]


def pairs_of(sources: Iterable[PairData]) -> Iterator[Pair]:
    """The pairs of all sources, in order."""
    return (pair for data in sources for pair in data.pairs)


def source_kind(data: PairData) -> str:
    """``dfc23``, ``sen12`` or ``scenes``."""
    return data.pairs[0].source
