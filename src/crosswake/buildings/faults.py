"""What is wrong with a submission, as findings: errors break or fool the official scorer, or cost
points for nothing; warnings are doubtful."""

from collections.abc import Mapping

from crosswake.buildings.results import TileResult
from crosswake.data.check.facts import Finding, Level


def tile_name(image: int, known: Mapping[int, TileResult] | None) -> str:
    """``P_0001 (image 0)``."""
    stem = known[image].stem if known and image in known else ""
    return f"{stem} (image {image})" if stem else f"image {image}"


def error_of(subject: str, reason: str, kind: str = "") -> Finding:
    """What breaks or fools the scorer, or is lost."""
    return fault_of("error", subject, reason, kind)


def warning_of(subject: str, reason: str, kind: str = "") -> Finding:
    """What is doubtful."""
    return fault_of("warning", subject, reason, kind)


def fault_of(level: Level, subject: str, reason: str, kind: str) -> Finding:
    """A finding; without a kind it is the reason up to a bracket or a semicolon."""
    kind = kind or reason.split(" (", maxsplit=1)[0].split("; ", maxsplit=1)[0]
    return Finding(level=level, subject=subject, reason=reason, kind=kind)
