"""The zip archive of a submission: opened without trusting who packed it, and its layout."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crosswake.buildings.faults import error_of, warning_of
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import byte_text
from crosswake.data.archives import ZIP_ERRORS
from crosswake.data.check.facts import Finding
from crosswake.data.download.archive import Member, zip_members

RESULTS = {1: "results.json", 2: "seg_results.json"}
"""The file of buildings at the root of a submission, by track."""
HEIGHTS = "height"
MOST_JSON, MOST_RASTER, MOST_ALL = 1_000_000_000, 300_000_000, 20_000_000_000
"""Bytes that the file of buildings, a height map and all files together may unpack to; those of
the contest's test tiles are 50 MB, 1 MB and 700 MB."""
PUBLISHED_NAME = re.compile(r"^P_\d{4}$")


@dataclass(frozen=True, kw_only=True)
class SubmissionFiles:
    """What lies in a submission.

    Attributes:
        track: 1 or 2.
        results: the file of buildings.
        heights: height maps by stem; empty for track 1.
        findings: what is wrong with the layout.
    """

    track: int
    results: Member
    heights: Mapping[str, Member]
    findings: tuple[Finding, ...]


@contextmanager
def open_submission(path: Path, track: int | None) -> Iterator[SubmissionFiles]:
    """The files of a submission.

    Args:
        path: the archive.
        track: 1 or 2; None for the one whose file of buildings is there.

    Raises:
        CrosswakeError: no zip archive, a damaged one, one with links, passwords or names that lead
            elsewhere, one that would unpack to more than any submission; or neither file of
            buildings is in it.
    """
    if path.is_dir():
        raise CrosswakeError(f"{path}: a folder; name the zip archive that is submitted")
    try:
        with zipfile.ZipFile(path) as source:
            members = list(zip_members(path, source))
            total = sum(one.size for one in members)
            if total > MOST_ALL:
                most = f"{byte_text(total)}, more than {byte_text(MOST_ALL)}"
                raise CrosswakeError(f"{path}: unpacks to {most}; this is no submission")
            yield layout_of(path, members, track)
    except FileNotFoundError as error:
        raise CrosswakeError(f"{path}: no such file; correct the path") from error
    except (OSError, *ZIP_ERRORS) as error:
        detail = next(iter(str(error).splitlines()), type(error).__name__)
        raise CrosswakeError(
            f"{path}: a zip archive that cannot be read ({detail}); pack it again"
        ) from error


def content_of(archive: Path, member: Member, most: int) -> bytes:
    """A member's bytes.

    Raises:
        CrosswakeError: it holds more than ``most`` bytes, whatever it declares.
    """
    if member.size <= most:
        with member.open() as file:
            content = file.read(most + 1)
        if len(content) <= most:
            return content
    raise CrosswakeError(
        f"{archive}: {member.path} unpacks to more than {byte_text(most)}; this is no submission"
    )


def layout_of(path: Path, members: list[Member], track: int | None) -> SubmissionFiles:
    """Which member is what; what lies elsewhere than the scorer looks is found all the same.

    Raises:
        CrosswakeError: there is no file of buildings.
    """
    findings: list[Finding] = []
    files = {one.path: one for one in members}  # of equal names the last, as unpacking does
    for twice in sorted({one.path for one in members if one is not files[one.path]}):
        findings.append(error_of(str(twice), "is in the archive twice; pack it once"))
    number, results = find_results(path, files, track)
    base = results.path.parent
    if base.parts:
        reason = f"lies in a folder; the scorer looks for {RESULTS[number]} at the root"
        findings.append(error_of(str(results.path), reason))
    heights: dict[str, Member] = {}
    for name, member in sorted(files.items()):
        if name == results.path:
            continue
        if number == 2 and name.parent == base / HEIGHTS and name.suffix == ".tif":
            heights[name.stem] = member
        else:
            findings.append(stray(name, number, base))
    if number == 2 and not heights:
        findings.append(error_of(HEIGHTS, "no height maps; put them there"))
    return SubmissionFiles(track=number, results=results, heights=heights, findings=tuple(findings))


def find_results(
    path: Path, files: Mapping[PurePosixPath, Member], track: int | None
) -> tuple[int, Member]:
    """Track and file of buildings: the one at the root, else the one nearest to it."""
    wanted = {RESULTS[track]: track} if track else {name: n for n, name in RESULTS.items()}
    there = [name for name in files if name.name in wanted]
    if not there:
        names = " or ".join(wanted)
        raise CrosswakeError(f"{path}: no {names} at its root; this is no submission of the track")
    best = min(there, key=lambda name: (len(name.parts), name))
    return wanted[best.name], files[best]


def stray(name: PurePosixPath, track: int, base: PurePosixPath) -> Finding:
    """About a file that is neither the buildings nor a height map."""
    if track == 2 and name.parent == base / HEIGHTS:
        return error_of(str(name), "is no .tif; the scorer reads every file of the folder")
    if track == 2 and name.suffix.lower() in (".tif", ".tiff"):
        return error_of(str(name), f"a height map outside of {HEIGHTS}/; the scorer looks there")
    if name.name in RESULTS.values():
        return error_of(str(name), "a second file of buildings; submit one track at a time")
    return warning_of(str(name), "not part of a submission; leave it out")
