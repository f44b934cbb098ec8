"""The list of buildings of a submission: each entry an instance, or the reason why it is none."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosswake.buildings.faults import error_of, tile_name, warning_of
from crosswake.buildings.matching import COUNTED_AT_MOST
from crosswake.buildings.results import Instance, TileResult
from crosswake.core.boxes import Size
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import cut_short
from crosswake.data.check.facts import Finding
from crosswake.data.masks import counts_of, form_fault

CONTEST_SIZE: Size = (512, 512)
MOST_CHARACTERS = 60
"""Of what an entry holds, in a complaint."""
TOO_MANY = f"more than {COUNTED_AT_MOST[-1]:,} buildings of a class on a tile"
TWICE = "the same building twice"
EMPTY = "covers no pixel"


@dataclass
class Entries:
    """What the list holds.

    Attributes:
        instances: those of good form, by image id.
        findings: what is wrong.
        total: number of entries.
    """

    instances: dict[int, list[Instance]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    total: int = 0


def read_entries(
    content: bytes, classes: int, known: Mapping[int, TileResult] | None, archive: Path, name: str
) -> Entries:
    """Read the list of buildings.

    Args:
        content: of the JSON file.
        classes: how many the track has.
        known: the tiles by image id; None if nobody knows, then they are taken for the contest's.
        archive: the submission, for complaints.
        name: of the file in it.

    Raises:
        CrosswakeError: it is no JSON at all.
    """
    entries = Entries()
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError, MemoryError) as error:
        detail = cut_short(error, 100)
        reason = f"{name} is no JSON ({detail}); write it anew"
        raise CrosswakeError(f"{archive}: {reason}") from error
    if not isinstance(listed, list):
        reason = "no list of buildings; the scorer reads a list of records"
        entries.findings.append(error_of(name, reason))
        return entries
    if not listed:
        entries.findings.append(error_of(name, "an empty list; the scorer breaks at one"))
    entries.total = len(listed)
    for place, entry in enumerate(listed):
        take_entry(entries, place, entry, classes, known)
    entries.findings += list_findings(entries, known)
    return entries


def take_entry(
    entries: Entries,
    place: int,
    entry: object,
    classes: int,
    known: Mapping[int, TileResult] | None,
) -> None:
    """Judge one entry; one of good form becomes an instance."""
    if not isinstance(entry, dict):
        entries.findings.append(error_of(f"entry {place}", "is no record; write one a building"))
        return
    image = entry.get("image_id")
    subject = f"entry {place} (image {cut_short(image, 20)})"
    size: Size | None = CONTEST_SIZE
    faults = []
    if known is not None and type(image) is int:
        size = known[image].size if image in known else None
        faults = [] if size else ["an image id that no tile has; take those of the image-id file"]
    faults += filter(None, entry_faults(entry, classes, size))
    entries.findings += [error_of(subject, reason) for reason in faults]
    if faults or size is None:
        return
    x, y, width, height = (float(value) for value in entry["bbox"])
    instance = Instance(
        category=entry["category_id"],
        counts=entry["segmentation"]["counts"].encode("ascii"),
        score=float(entry["score"]),
        box=(x, y, width, height),
    )
    entries.instances.setdefault(entry["image_id"], []).append(instance)
    if not any(counts_of(instance.counts)[1::2]):
        entries.findings.append(warning_of(subject, EMPTY))
    elif min(x, y, size[1] + 1 - x - width, size[0] + 1 - y - height) < -1:
        entries.findings.append(warning_of(subject, "bbox reaches beyond the tile"))


def entry_faults(entry: Mapping[str, Any], classes: int, size: Size | None) -> Iterator[str]:
    """Why an entry is none that the scorer takes; empty texts where it is fine. The mask of a tile
    of unknown size is not judged."""
    judges: Mapping[str, Callable[[Any], str]] = {
        "image_id": lambda value: "" if type(value) is int else "an image_id that is no number",
        "category_id": lambda value: category_fault(value, classes),
        "score": score_fault,
        "bbox": box_fault,
        "segmentation": lambda value: mask_fault(value, size) if size else "",
    }
    for name, judge in judges.items():
        yield judge(entry[name]) if name in entry else f"without {name}; every entry needs it"


def category_fault(value: object, classes: int) -> str:
    """Why a category is none of the track."""
    if type(value) is int and 1 <= value <= classes:
        return ""
    return f"a category_id outside of 1 to {classes} ({cut_short(value, MOST_CHARACTERS)})"


def score_fault(value: object) -> str:
    """Why a score is none."""
    if type(value) not in (int, float):
        return f"a score that is no number ({cut_short(value, MOST_CHARACTERS)})"
    assert isinstance(value, int | float)
    if not finite(value):
        return f"a score that is not finite ({cut_short(value, MOST_CHARACTERS)})"
    return "" if 0 <= value <= 1 else f"a score outside of 0 to 1 ({value:.6g})"


def box_fault(value: object) -> str:
    """Why a box is none; the scorer drops it, but takes no entry without."""
    if not isinstance(value, list) or len(value) != 4:
        return "a bbox that is not x, y, width and height"
    if not all(type(one) in (int, float) and finite(one) for one in value):
        return "a bbox with values that are no finite numbers"
    return "" if min(value[2:]) >= 0 else "a bbox of negative width or height"


def finite(value: float) -> bool:
    """Whether a number of JSON, which may have any length, is one to count with."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def mask_fault(value: object, size: Size) -> str:
    """Why a mask is none that the scorer takes: it wants compressed run-lengths."""
    if isinstance(value, list):
        return "polygons, at which the scorer breaks; write compressed run-lengths"
    if isinstance(value, dict) and isinstance(value.get("counts"), list):
        return "uncompressed counts, at which the scorer breaks; write compressed run-lengths"
    fault = form_fault(value, size)
    whole = fault or (isinstance(value, dict) and all(type(n) is int for n in value["size"]))
    return fault or ("" if whole else "a mask whose size is no pair of whole numbers")


def list_findings(entries: Entries, known: Mapping[int, TileResult] | None) -> Iterator[Finding]:
    """What only the whole list shows."""
    for image, found in sorted(entries.instances.items()):
        name = tile_name(image, known)
        classes = Counter(one.category for one in found)
        if max(classes.values()) > COUNTED_AT_MOST[-1]:
            count = f"{max(classes.values()):,}; those of the lowest scores do not count"
            yield error_of(name, f"{TOO_MANY} ({count})", TOO_MANY)
        shapes = Counter((one.category, one.counts) for one in found)
        if again := sum(count - 1 for count in shapes.values()):
            yield warning_of(name, f"{TWICE} ({again}); all but one count as wrong", TWICE)
    without = [] if known is None else sorted(known.keys() - entries.instances.keys())
    if entries.total and without:
        names = ", ".join(tile_name(image, known) for image in without[:5])
        reason = f"no building on {len(without):,} of {len(known or ()):,} tiles"
        yield warning_of(names, reason)
