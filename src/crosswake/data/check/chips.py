"""Reads every chip of a data set and says what is wrong with it."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.data.check.facts import ChipFacts, Remark, look
from crosswake.data.chips import Chip
from crosswake.data.reid import PROTOCOLS, Chips, ReidData, cross_modal_identities, identities
from crosswake.data.sources.hoss import SUFFIXES

Level = Literal["error", "warning", "note"]
THREADS = min(8, (os.cpu_count() or 1) + 1)
AT_ONCE = 1024
"""Chips handed to the threads together, so that a million do not wait in memory."""
NAMED_AT_MOST = 8
"""Identities named in one finding."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to know of a data set.

    Attributes:
        level: ``error``, a bad file; ``warning``, doubtful; ``note``, as it may well be meant.
        subject: the file, or the part of the data set.
        reason: what is the matter.
    """

    level: Level
    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found.

    Attributes:
        facts: of every chip that could be read, by path.
        findings: errors first, then warnings, then notes.
    """

    facts: dict[Path, ChipFacts]
    findings: tuple[Finding, ...]

    def of(self, level: Level) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level == level]


def check_data(data: ReidData, quiet: bool = False, strict: bool = False) -> CheckResult:
    """Read every chip and compare them.

    Args:
        data: what to check.
        quiet: show no progress.
        strict: stop at the first bad file.

    Raises:
        CrosswakeError: there is nothing to check, or ``strict`` and a file is bad.
    """
    chips = data.all_chips()
    if not chips and not data.bad_files:
        raise CrosswakeError(f"{data.root}: no chips in it; is this the right folder or table?")
    facts: dict[Path, ChipFacts] = {}
    findings: list[Finding] = []

    def add(found: Iterable[Finding]) -> None:
        findings.extend(found)
        first = next((finding for finding in findings if finding.level == "error"), None)
        if strict and first:
            raise CrosswakeError(
                f"{first.subject}: {first.reason} (--strict stops at the first bad file)"
            )

    add(passed_over(data))
    with Progress(len(chips), "reading", quiet=quiet) as progress:
        for chip, seen, remarks in look_at_all(chips):
            if seen is not None:
                facts[chip.path] = seen
            add(
                Finding(level=remark.level, subject=str(chip.path), reason=remark.reason)
                for remark in remarks
            )
            progress.advance()
    add(duplicates(data, facts))
    add(identity_findings(data))
    add(unmatched_findings(data))
    order = ("error", "warning", "note")
    return CheckResult(
        facts=facts, findings=tuple(sorted(findings, key=lambda one: order.index(one.level)))
    )


def look_at_all(chips: Chips) -> Iterator[tuple[Chip, ChipFacts | None, list[Remark]]]:
    """Look at chips in threads; results in the chips' order."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(chips), AT_ONCE):
            some = chips[start : start + AT_ONCE]
            for chip, (facts, remarks) in zip(some, pool.map(look, some), strict=True):
                yield chip, facts, remarks


def passed_over(data: ReidData) -> Iterator[Finding]:
    """Files and folders the reader left out: an image under a wrong name is an error, other files
    are not."""
    for bad in data.bad_files:
        level: Level = "error" if bad.path.suffix.lower() in SUFFIXES else "warning"
        yield Finding(level=level, subject=str(bad.path), reason=bad.reason)


def duplicates(data: ReidData, facts: dict[Path, ChipFacts]) -> Iterator[Finding]:
    """Chips with the same pixels: an error where they join what a measurement must keep apart."""
    splits = {"train": data.train, "query": data.query, "gallery": data.gallery}
    first: dict[str, tuple[str, Chip]] = {}
    for split, chips in splits.items():
        for chip in chips:
            if chip.path not in facts or facts[chip.path].constant:
                continue
            other_split, other = first.setdefault(facts[chip.path].digest, (split, chip))
            if other is chip:
                continue
            level: Level = "error" if split != other_split else "warning"
            reason = f"same pixels as {other.path} ({other_split})"
            if chip.identity != other.identity:
                reason += f", under another identity, {other.identity}"
            yield Finding(level=level, subject=str(chip.path), reason=f"{reason}; leave one out")


def identity_findings(data: ReidData) -> Iterator[Finding]:
    """Identities in both training and testing, or seen by one sensor only."""
    shared = sorted(set(identities(data.train)) & set(identities(data.query + data.gallery)))
    if shared:
        count = count_of(shared, "identity", "identities")
        reason = f"{count} also in query or gallery: {named(shared)}"
        yield Finding(
            level="warning", subject="train", reason=f"{reason}; a test would be on known ships"
        )
    for part, chips in (("train", data.train), ("query and gallery", data.query + data.gallery)):
        single = sorted(set(identities(chips)) - set(cross_modal_identities(chips)))
        if single:
            count = count_of(single, "identity", "identities")
            reason = f"{count} in one modality only: {named(single)}"
            yield Finding(level="note", subject=part, reason=reason)


def unmatched_findings(data: ReidData) -> Iterator[Finding]:
    """Protocols with queries that have no match in the gallery, or that cannot be measured at
    all."""
    for name in PROTOCOLS:
        query, _ = data.protocol(name)
        lonely = unmatched(data, name)
        if not query:
            continue
        if len(lonely) == len(query):
            reason = "no query has a match in the gallery; nothing can be measured"
            yield Finding(level="warning", subject=f"protocol {name}", reason=reason)
        elif lonely:
            reason = (
                f"{len(lonely)} of {len(query)} queries without a match in the gallery, "
                f"left out of averages: {named(identities(lonely))}"
            )
            yield Finding(level="note", subject=f"protocol {name}", reason=reason)


def unmatched(data: ReidData, protocol: Literal["all", "o2s", "s2o"]) -> Chips:
    """The queries of a protocol whose identity its gallery does not hold."""
    query, gallery = data.protocol(protocol)
    present = {chip.identity for chip in gallery}
    return tuple(chip for chip in query if chip.identity not in present)


def reason_counts(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """How many findings there are of each kind, most first; what differs by file is left out."""
    kinds = Counter(
        finding.reason.split(" (")[0].split("; ")[0].split(", under")[0] for finding in findings
    )
    return sorted(kinds.items(), key=lambda item: (-item[1], item[0]))


def count_of(items: list[str], one: str, many: str) -> str:
    """``1 identity`` or ``3 identities``."""
    return f"{len(items)} {one if len(items) == 1 else many}"


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
