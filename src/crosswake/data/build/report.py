"""Counts a set of pairs, for people and for scripts."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crosswake.core.files import replacing
from crosswake.data.build.build import Built, offset_of
from crosswake.data.build.journal import DISK_FULL
from crosswake.data.build.plan import BUILT_FROM, binding, source_kind
from crosswake.data.check.registration import Offset
from crosswake.data.pairs import Pair
from crosswake.data.sources.optisar import BUILD_REPORT

GROUPS = ("scene", "terrain", "season", "city", "split")
NOT_TOLD = "(not known)"


def count_pairs(pairs: Iterable[Pair]) -> dict[str, Any]:
    """Pairs of each source, and of each of its scenes, terrains, seasons, cities and splits where
    the source has them."""
    counts: dict[str, Any] = {}
    for pair in pairs:
        source = counts.setdefault(
            pair.source, {"pairs": 0, **{group: Counter() for group in GROUPS}}
        )
        source["pairs"] += 1
        for group in GROUPS:
            source[group][getattr(pair, group) or NOT_TOLD] += 1
    for source in counts.values():
        for group in GROUPS:
            known = dict(sorted(source[group].items()))
            source[group] = {} if set(known) == {NOT_TOLD} else known
    return dict(sorted(counts.items()))


def left_out_counts(built: Built) -> dict[str, Counter[str]]:
    """By source, how many pairs were left out for each kind of reason, and how many by bad
    files."""
    counts: dict[str, Counter[str]] = {}
    for item, job in built.left_out:
        kind = (
            "same pixels as another pair" if item.reason.startswith("same pixels") else item.reason
        )
        counts.setdefault(job.pair.source, Counter())[kind] += 1
    return counts


def describe_build(built: Built) -> dict[str, Any]:
    """Everything that is known of a build, as plain data for JSON."""
    plan = built.plan
    return {
        "pairs": len(built.kept),
        "settings": binding(plan.settings) | {"max_offset": plan.settings.max_offset},
        "sources": [
            {
                "kind": (kind := source_kind(data)),
                "root": str(data.root.absolute()),
                "source": BUILT_FROM[kind].source,
                "licence": BUILT_FROM[kind].licence,
                "citation": BUILT_FROM[kind].citation,
                "notes": list(data.notes),
            }
            for data in plan.sources
        ],
        "counts": count_pairs(job.pair for _, job in built.kept),
        "left_out_counts": {
            source: dict(counts) for source, counts in sorted(left_out_counts(built).items())
        },
        "registration": describe_registration(built),
        "left_out": [
            {
                "id": item.id,
                "reason": item.reason,
                "optical": str(job.pair.optical.absolute()),
                "sar": str(job.pair.sar.absolute()),
                "box": str(job.boxes[item.id - job.first_id] or ""),
            }
            for item, job in built.left_out
        ],
        "same_optical": [{"id": one, "as": other} for one, other in built.same_optical],
        "bad_files": [{"path": str(bad.path), "reason": bad.reason} for bad in built.bad_files],
    }


def describe_registration(built: Built) -> dict[str, Any]:
    """Offsets of the kept pairs, and the ids of those whose offset is too large."""
    offsets = describe_offsets(offset_of(item) for item, _ in built.kept)
    return offsets | {"misregistered": list(built.misregistered)}


def describe_offsets(offsets: Iterable[Offset]) -> dict[str, Any]:
    """How many offsets are sure, and a histogram of these by distance, rounded up to whole
    pixels."""
    offsets = list(offsets)
    sure = [offset for offset in offsets if offset.beyond(-1)]
    histogram = Counter(math.ceil(offset.distance) for offset in sure)
    return {
        "sure": len(sure),
        "not_sure": len(offsets) - len(sure),
        "pairs_by_offset_px_rounded_up": {
            str(distance): count for distance, count in sorted(histogram.items())
        },
    }


def write_build_report(out: Path, built: Built) -> Path:
    """Write the report; returns the file."""
    path = out / BUILD_REPORT
    text = json.dumps(describe_build(built), indent=2) + "\n"
    with replacing(path, remedy=DISK_FULL) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path
