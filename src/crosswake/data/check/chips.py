"""Reads every chip of a data set and says what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.check.facts import ChipFacts, Finding, Level, look
from crosswake.data.check.findings import CheckResult, Findings, look_at_all, passed_over
from crosswake.data.chips import Chip
from crosswake.data.reid import (
    PROTOCOLS,
    Chips,
    ProtocolName,
    ReidData,
    cross_modal_identities,
    identities,
)

NAMED_AT_MOST = 8
"""Identities named in one finding."""


def check_chips(data: ReidData, quiet: bool = False, strict: bool = False) -> CheckResult:
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
    findings = Findings(strict)
    findings.add(passed_over(data.bad_files))
    with Progress(len(chips), "reading", quiet=quiet) as progress:
        for chip, (seen, found) in look_at_all(chips, look):
            if seen is not None:
                facts[chip.path] = seen
            findings.add(found)
            progress.advance()
    findings.add(duplicate_chips(data, facts))
    findings.add(identity_findings(data))
    findings.add(unmatched_findings(data))
    return findings.result(facts)


def duplicate_chips(data: ReidData, facts: dict[Path, ChipFacts]) -> Iterator[Finding]:
    """Chips with the same pixels; an error if they are in two splits, for then a test would be on
    what was learnt, or a query would find itself."""
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
            yield Finding.of_file(chip.path, level, f"{reason}; leave one out")


def identity_findings(data: ReidData) -> Iterator[Finding]:
    """Identities in both training and testing, or seen by one sensor only."""
    shared = sorted(set(identities(data.train)) & set(identities(data.query + data.gallery)))
    if shared:
        count = counted(len(shared), "identity")
        reason = f"{count} also in query or gallery: {named(shared)}"
        yield Finding(
            level="warning", subject="train", reason=f"{reason}; a test would be on known ships"
        )
    for part, chips in (("train", data.train), ("query and gallery", data.query + data.gallery)):
        single = sorted(set(identities(chips)) - set(cross_modal_identities(chips)))
        if single:
            count = counted(len(single), "identity")
            reason = f"{count} in one modality only: {named(single)}"
            yield Finding(level="note", subject=part, reason=reason)


def unmatched_findings(data: ReidData) -> Iterator[Finding]:
    """Protocols with queries that have no match in the gallery, or that cannot be measured at
    all."""
    for name in PROTOCOLS:
        query, _ = data.protocol(name)
        lonely = unmatched(data, name)
        if query and len(lonely) == len(query):
            reason = "no query has a match in the gallery; nothing can be measured"
            yield Finding(level="warning", subject=f"protocol {name}", reason=reason)
        elif lonely:
            reason = (
                f"{len(lonely)} of {len(query)} queries without a match in the gallery, "
                f"left out of averages: {named(identities(lonely))}"
            )
            yield Finding(level="note", subject=f"protocol {name}", reason=reason)


def unmatched(data: ReidData, protocol: ProtocolName) -> Chips:
    """The queries of a protocol whose identity its gallery does not hold."""
    query, gallery = data.protocol(protocol)
    present = {chip.identity for chip in gallery}
    return tuple(chip for chip in query if chip.identity not in present)


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
