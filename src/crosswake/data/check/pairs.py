"""Reads every pair of a data set and says what is wrong with it."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.data.check.chips import CheckResult, Finding, Level
from crosswake.data.check.facts import ChipFacts, Remark, look
from crosswake.data.check.registration import Offset, find_offset
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pair_pixels import read_pair
from crosswake.data.pairs import Pair, PairData
from crosswake.data.sources.hoss import SUFFIXES

THREADS = min(8, (os.cpu_count() or 1) + 1)
AT_ONCE = 1024
"""Pairs handed to the threads together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairLook:
    """What one pair is.

    Attributes:
        facts: of each file that could be read.
        findings: what is the matter with the files or with the two together.
        offset: of the SAR image; None if the pair cannot be used.
    """

    facts: dict[Path, ChipFacts]
    findings: tuple[Finding, ...]
    offset: Offset | None


@dataclass(frozen=True, kw_only=True)
class PairCheck:
    """What a check found: facts and findings, and the offset of each usable pair."""

    result: CheckResult
    offsets: dict[Pair, Offset]


def check_pairs(data: PairData, quiet: bool = False, strict: bool = False) -> PairCheck:
    """Read every pair and compare them.

    Args:
        data: what to check.
        quiet: show no progress.
        strict: stop at the first bad file.

    Raises:
        CrosswakeError: ``strict`` and a file is bad.
    """
    facts: dict[Path, ChipFacts] = {}
    offsets: dict[Pair, Offset] = {}
    findings: dict[Finding, None] = {}

    def add(found: Iterable[Finding]) -> None:
        findings.update(dict.fromkeys(found))
        first = next((finding for finding in findings if finding.level == "error"), None)
        if strict and first:
            raise CrosswakeError(
                f"{first.subject}: {first.reason} (--strict stops at the first bad file)"
            )

    add(passed_over(data))
    with Progress(len(data.pairs), "reading", "pairs", quiet) as progress:
        for pair, seen in look_at_all(data.pairs):
            facts.update(seen.facts)
            if seen.offset is not None:
                offsets[pair] = seen.offset
            add(seen.findings)
            progress.advance()
    add(duplicates(data, facts))
    add(scenes_in_two_splits(data))
    add(Finding(level="note", subject=data.name, reason=note) for note in data.notes)
    order = ("error", "warning", "note")
    ordered = tuple(sorted(findings, key=lambda one: order.index(one.level)))
    return PairCheck(result=CheckResult(facts=facts, findings=ordered), offsets=offsets)


def look_at_all(pairs: tuple[Pair, ...]) -> Iterator[tuple[Pair, PairLook]]:
    """Look at pairs in threads; results in the pairs' order."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(pairs), AT_ONCE):
            some = pairs[start : start + AT_ONCE]
            yield from zip(some, pool.map(look_at_pair, some), strict=True)


def look_at_pair(pair: Pair) -> PairLook:
    """Read both files of a pair, each by itself and then together."""
    facts: dict[Path, ChipFacts] = {}
    findings: list[Finding] = []
    for path, modality in ((pair.optical, Modality.OPTICAL), (pair.sar, Modality.SAR)):
        seen, remarks = look(Chip(path=path, identity=pair.id, modality=modality))
        if seen is not None:
            facts[path] = seen
            remarks += check_layout_type(path, modality, seen, pair.source)
        findings += [
            Finding(level=one.level, subject=str(path), reason=one.reason) for one in remarks
        ]
    offset = None
    if not any(finding.level == "error" for finding in findings):
        try:
            offset = find_offset(*read_pair(pair))
        except UnreadableChipError as error:
            findings.append(Finding(level="error", subject=str(error.path), reason=error.reason))
    return PairLook(facts=facts, findings=tuple(findings), offset=offset)


def check_layout_type(
    path: Path, modality: Modality, facts: ChipFacts, source: str
) -> list[Remark]:
    """Whether the file holds the number type that its place in the layout promises."""
    promised = modality is Modality.OPTICAL or path.suffix.lower() == ".png" or source == "sen12"
    if promised and facts.dtype != "uint8":
        return [
            Remark(level="error", reason=f"of type {facts.dtype}, but taken as 8 bit; convert it")
        ]
    return []


def passed_over(data: PairData) -> Iterator[Finding]:
    """Files the reader left out: an image is an error, other files are not."""
    for bad in data.bad_files:
        level: Level = "error" if bad.path.suffix.lower() in SUFFIXES else "warning"
        yield Finding(level=level, subject=str(bad.path), reason=bad.reason)


def duplicates(data: PairData, facts: dict[Path, ChipFacts]) -> Iterator[Finding]:
    """Pairs with the same pixels in both halves, which training would take for each other's
    negatives."""
    first: dict[tuple[str, str], Pair] = {}
    for pair in data.pairs:
        if pair.optical in facts and pair.sar in facts:
            other = first.setdefault((facts[pair.optical].digest, facts[pair.sar].digest), pair)
            if other is not pair:
                reason = f"same pixels as {other.optical} and its SAR half; leave one out"
                yield Finding(level="warning", subject=str(pair.optical), reason=reason)


def scenes_in_two_splits(data: PairData) -> Iterator[Finding]:
    """Scenes that declared splits divide, so that a test would be on known places."""
    splits: dict[tuple[str, str], set[str]] = {}
    for pair in data.pairs:
        if pair.scene and pair.split:
            splits.setdefault((pair.source, pair.scene), set()).add(pair.split)
    for (source, scene), names in sorted(splits.items()):
        if len(names) > 1:
            yield Finding(
                level="warning",
                subject=f"{source}, scene {scene}",
                reason=f"in {' and '.join(sorted(names))}",
            )
