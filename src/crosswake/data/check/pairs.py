"""Reads every pair of a data set and says what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from crosswake.core.progress import Progress
from crosswake.data.check.facts import ChipFacts, Finding, look
from crosswake.data.check.findings import CheckResult, Findings, look_at_all, passed_over
from crosswake.data.check.registration import Offset, find_offset
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pair_chips import images_of
from crosswake.data.pairs import Pair, PairData
from crosswake.data.pixels import read_pair


@dataclass(frozen=True, kw_only=True, slots=True)
class PairLook:
    """What one pair is.

    Attributes:
        facts: of each image that could be read.
        findings: what is the matter with the files or with the two together.
        offset: of the SAR image; None if the pair cannot be used.
    """

    facts: dict[Chip, ChipFacts]
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
    facts: dict[Chip, ChipFacts] = {}
    offsets: dict[Pair, Offset] = {}
    findings = Findings(strict)
    findings.add(passed_over(data.bad_files))
    with Progress(len(data.pairs), "reading", "pairs", quiet) as progress:
        for pair, seen in look_at_all(data.pairs, look_at_pair):
            facts.update(seen.facts)
            if seen.offset is not None:
                offsets[pair] = seen.offset
            findings.add(seen.findings)
            progress.advance()
    findings.add(duplicate_pairs(data, facts))
    findings.add(scenes_in_two_splits(data))
    findings.add(Finding(level="note", subject=data.name, reason=note) for note in data.notes)
    return PairCheck(result=findings.result(facts), offsets=offsets)


def look_at_pair(pair: Pair) -> PairLook:
    """Read both files of a pair, each by itself and then together."""
    facts: dict[Chip, ChipFacts] = {}
    findings: list[Finding] = []
    for image in images_of(pair):
        seen, found = look(image)
        findings += found
        if seen is not None:
            facts[image] = seen
    offset = None
    if not any(finding.level == "error" for finding in findings):
        try:
            offset = find_offset(*read_pair(pair))
        except UnreadableChipError as error:
            findings.append(Finding.of_file(error.path, "error", error.reason))
    return PairLook(facts=facts, findings=tuple(findings), offset=offset)


def duplicate_pairs(data: PairData, facts: dict[Chip, ChipFacts]) -> Iterator[Finding]:
    """Pairs whose optical and SAR pixels are the same: training would push them apart as two
    places."""
    first: dict[tuple[str, str], Pair] = {}
    for pair in data.pairs:
        optical, radar = (facts.get(image) for image in images_of(pair))
        if optical and radar:
            other = first.setdefault((optical.digest, radar.digest), pair)
            if other is not pair:
                reason = f"same pixels as {other.optical} and its SAR image; leave one out"
                yield Finding.of_file(pair.optical, "warning", reason)


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
                kind="scenes in several splits",
            )
