"""What a check found, and what the checks of chips and of pairs have in common."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from crosswake.core.errors import CrosswakeError
from crosswake.data.check.facts import LEVELS, ChipFacts, Finding, Level
from crosswake.data.chips import Chip
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import IMAGE_SUFFIXES

Item = TypeVar("Item")
Seen = TypeVar("Seen")
THREADS = min(8, (os.cpu_count() or 1) + 1)
LOOKS_AT_ONCE = 1024
"""Files handed to the threads together, so that a million do not wait in memory."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found.

    Attributes:
        facts: of every chip that could be read.
        findings: errors first, then warnings, then notes.
    """

    facts: dict[Chip, ChipFacts]
    findings: tuple[Finding, ...]

    def of(self, level: Level) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level == level]


@dataclass
class Findings:
    """Collects findings, each once.

    Attributes:
        strict: whether the first error ends the check.
    """

    strict: bool
    found: dict[Finding, None] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take up some more.

        Raises:
            CrosswakeError: ``strict``, and one of them is an error.
        """
        for finding in findings:
            if self.strict and finding.level == "error":
                raise CrosswakeError(
                    f"{finding.subject}: {finding.reason} (--strict stops at the first bad file)"
                )
            self.found[finding] = None

    def result(self, facts: dict[Chip, ChipFacts]) -> CheckResult:
        """All of them, the worst first."""
        ordered = sorted(self.found, key=lambda finding: LEVELS.index(finding.level))
        return CheckResult(facts=facts, findings=tuple(ordered))


def passed_over(files: Iterable[BadFile]) -> Iterator[Finding]:
    """Files and folders that the reader left out: an image under a wrong name is an error, another
    file is not."""
    for bad in files:
        is_image = bad.path.suffix.lower() in IMAGE_SUFFIXES
        yield Finding.of_file(bad.path, "error" if is_image else "warning", bad.reason)


def summary_lines(findings: Iterable[Finding]) -> list[str]:
    """A line for each kind of errors and warnings, with the first case, for commands that work on
    the data; notes are left to ``data check``."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.level != "note":
            kinds.setdefault(finding.kind, []).append(finding)
    lines = []
    for found in kinds.values():
        many = f"{len(found):,} x {found[0].kind}; the first: " if len(found) > 1 else ""
        lines.append(f"{many}{found[0].subject}: {found[0].reason}")
    return lines


def look_at_all(
    items: Sequence[Item], look_at: Callable[[Item], Seen]
) -> Iterator[tuple[Item, Seen]]:
    """Each item and what ``look_at`` says of it, in order; the work is done in threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(items), LOOKS_AT_ONCE):
            some = items[start : start + LOOKS_AT_ONCE]
            yield from zip(some, pool.map(look_at, some), strict=True)


def reason_counts(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """How many findings there are of each kind, the most frequent first."""
    kinds = Counter(finding.kind for finding in findings)
    return sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
