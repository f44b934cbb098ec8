"""Says what is wrong with a table of chips, from what their pixels are known to be.

``data check`` reads every chip for it; ``train`` and ``evaluate`` ask with the facts of what they
decode anyway."""

from collections import Counter
from collections.abc import Iterator, Mapping

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.check.facts import ChipFacts, Finding, Level, chip_findings, look
from crosswake.data.check.findings import CheckResult, Findings, look_at_all, passed_over
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import (
    UNKNOWN,
    Chips,
    ProtocolName,
    ReidData,
    cross_modal_identities,
    identities,
    of_modality,
    own_rows,
)

NAMED_AT_MOST = 8
"""Identities named in one finding."""
Facts = Mapping[Chip, ChipFacts]


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
    facts: dict[Chip, ChipFacts] = {}
    findings = Findings(strict)
    findings.add(passed_over(data.bad_files))
    with Progress(len(chips), "reading", quiet=quiet) as progress:
        for chip, (seen, found) in look_at_all(chips, look):
            if seen is not None:
                facts[chip] = seen
            findings.add(found)
            progress.advance()
    findings.add(table_findings(data, facts))
    return findings.result(facts)


def judge_chips(
    data: ReidData, facts: Facts, strict: bool = False, known: Facts | None = None
) -> tuple[Finding, ...]:
    """What ``data check`` would say of a table of which some chips have been decoded.

    Args:
        data: the table.
        facts: of the chips that were decoded; of the others the pixels are not judged.
        strict: stop at the first chip that is bad by itself.
        known: facts of chips that were judged before, which those are compared with.

    Raises:
        CrosswakeError: ``strict`` and there is one.
    """
    findings = Findings(strict)
    for chip, seen in facts.items():
        findings.add(chip_findings(chip, seen))
    findings.strict = False
    findings.add(table_findings(data, {**(known or {}), **facts}))
    return findings.result({}).findings


def table_findings(data: ReidData, facts: Facts) -> Iterator[Finding]:
    """What is the matter with chips as a table: swapped sensors, equal pixels, identities, queries
    without a match."""
    yield from swapped_modalities(data, facts)
    yield from duplicate_chips(data, facts)
    yield from identity_findings(data)
    yield from unknown_ships(data)
    yield from unmatched_findings(data)


def swapped_modalities(data: ReidData, facts: Facts) -> Iterator[Finding]:
    """Optical chips that are grey beside SAR chips that are in colour, which cannot be read."""
    parts = (data.train, data.query + data.gallery)
    tried = [chip for part in parts if any(c in facts for c in part) for chip in part]
    optical, radar = (of_modality(tried, modality) for modality in Modality)
    grey = sum(chip in facts and facts[chip].grey for chip in optical)
    refused = sum(chip not in facts for chip in radar)
    if optical and radar and 2 * grey >= len(optical) and 2 * refused >= len(radar):
        reason = (
            f"optical and SAR look swapped: {grey} of {len(optical)} optical chips are grey, and "
            f"{refused} of {len(radar)} SAR chips are no SAR; correct the modality"
        )
        yield Finding(level="error", subject=data.name, reason=reason, kind=reason)


def duplicate_chips(data: ReidData, facts: Facts) -> Iterator[Finding]:
    """Chips with the same pixels; an error across two splits, where the test would use what
    training saw, or a query would find itself."""
    splits = {"train": data.train, "query": data.query, "gallery": data.gallery}
    first: dict[str, tuple[str, Chip]] = {}
    for split, chips in splits.items():
        for chip in chips:
            if chip not in facts or facts[chip].constant:
                continue
            other_split, other = first.setdefault(facts[chip].digest, (split, chip))
            both = {other_split, split} == {"query", "gallery"}  # meant: it is no answer to itself
            if other is chip or (other == chip and both):
                continue
            level: Level = "error" if split != other_split else "warning"
            reason, kind = f"same pixels as {other.path} ({other_split})", "same pixels as another"
            if split != other_split:
                kind = f"the same pixels in {other_split} and {split}"
            if chip.identity != other.identity:
                reason += f", under another identity, {other.identity or 'unknown'}"
                kind += " under another identity"
            remedy = "leave one out"
            if (other_split, split) == ("query", "gallery"):
                remedy += ", or list one file with the split both: the query finds itself"
            yield Finding.of_file(chip.path, level, f"{reason}; {remedy}", kind)


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


def unknown_ships(data: ReidData) -> Iterator[Finding]:
    """Chips of unknown ships, and what becomes of them; queries that are in the gallery too."""
    gallery = sum(chip.identity == UNKNOWN for chip in data.gallery)
    own = int((own_rows(data.query, data.gallery) >= 0).sum())
    for subject, count, what in (
        ("train", len(data.unnamed), "of unknown ships, which nothing is learnt from"),
        ("gallery", gallery, "of unknown ships: distractors, which no query matches"),
        ("query", own, "in the gallery too; none is an answer to itself"),
    ):
        if count:
            reason = f"{counted(count, 'chip')} {what}"
            yield Finding(level="note", subject=subject, reason=reason)


def unmatched_findings(data: ReidData) -> Iterator[Finding]:
    """Protocols with queries that have no match in the gallery, or that cannot be measured at
    all."""
    for name in data.protocols:
        query, _ = data.protocol(name)
        lonely = unmatched(data, name)
        if query and len(lonely) == len(query):
            reason = "no query has a match in the gallery; nothing can be measured"
            yield Finding(level="warning", subject=f"protocol {name}", reason=reason, kind=reason)
        elif lonely:
            reason = (
                f"{len(lonely)} of {len(query)} queries without a match in the gallery, "
                f"left out of averages: {named(identities(lonely) or ['unknown ships'])}"
            )
            yield Finding(level="note", subject=f"protocol {name}", reason=reason)


def unmatched(data: ReidData, protocol: ProtocolName) -> Chips:
    """The queries of a protocol without a chip of the same known ship in its gallery, itself not
    counted."""
    query, gallery = data.protocol(protocol)
    present = Counter(chip.identity for chip in gallery if chip.identity != UNKNOWN)
    own = own_rows(query, gallery) >= 0
    return tuple(
        chip for chip, itself in zip(query, own, strict=True) if present[chip.identity] <= itself
    )


def has_answers(data: ReidData) -> bool:
    """Whether a query of any protocol has a true match."""
    return any(len(unmatched(data, name)) < len(data.protocol(name)[0]) for name in data.protocols)


def require_answers(data: ReidData) -> None:
    """Raise unless there are queries and a gallery, and a query has a true match.

    Raises:
        CrosswakeError: nothing can be measured.
    """
    data.require_test()
    if has_answers(data):
        return
    both = [data.protocol(name) for name in data.protocols]
    asked, there = (
        identities(chip for part in parts for chip in part) for parts in zip(*both, strict=True)
    )
    why = (
        f"queries are of {named(asked) or 'unknown ships'}, the gallery of "
        f"{named(there) or 'unknown ships'}: equal ships need equal identities"
    )
    if set(asked) & set(there):  # the one match is the query's own file, or of no such modality
        why = "the gallery has no other chip of their ships, and a chip is no answer to itself"
    raise CrosswakeError(
        f"{data.root}: no query has a true match in the gallery, so nothing can be measured; {why}"
    )


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
