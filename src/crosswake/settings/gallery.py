"""Settings of the commands of ``crosswake gallery``, but for its search."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crosswake.data.sources.listing import ModalityChoice
from crosswake.settings.common import (
    BY_PLACE,
    DeviceConfig,
    OverwriteConfig,
    QuietConfig,
    StrictConfig,
    check,
)
from crosswake.settings.reading import ReadingConfig

EXPORT_ENDINGS = (".parquet", ".geoparquet", ".geojson", ".csv")


QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def check_condition(text: str) -> None:
    """Refuse what the store would read as a shorter condition, or as more than one: it ignores
    what follows the first whole one."""
    bare = QUOTED.sub("", text)
    depth = lowest = 0
    for one in bare:
        depth += (one == "(") - (one == ")")
        lowest = min(lowest, depth)
    good = depth == lowest == 0 and not any(sign in bare for sign in (";", "--", "/*", "'", '"'))
    check(good, "where", f"expected one condition in SQL, got {text}; mend its brackets or quotes")


@dataclass(frozen=True, kw_only=True)
class GalleryConfig(QuietConfig):
    """A command on one gallery."""

    gallery: str = field(metadata=BY_PLACE)
    """The gallery: a folder, or an address such as s3://bucket/gallery."""
    storage: tuple[str, ...] = ()
    """Options of an object store, as KEY=VALUE: aws_endpoint, aws_region, allow_http and others;
    keys are best left to the environment (AWS_ACCESS_KEY_ID and so on)."""

    def __post_init__(self) -> None:
        for word in self.storage:
            name, equals, _ = word.partition("=")
            check(bool(name and equals), "storage", f"expected KEY=VALUE, got {word}")

    @property
    def storage_options(self) -> tuple[tuple[str, str], ...]:
        """Names and values of the store's options."""
        return tuple((name, value) for name, _, value in (w.partition("=") for w in self.storage))


@dataclass(frozen=True, kw_only=True)
class CreateConfig(GalleryConfig, DeviceConfig):
    """Make an empty gallery for the embeddings of one model."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""


@dataclass(frozen=True, kw_only=True)
class AddConfig(GalleryConfig, DeviceConfig, StrictConfig, ReadingConfig):
    """Add sightings to a gallery. Sightings that are there are passed over, so after an
    interruption the same command goes on."""

    source: Path = field(metadata=BY_PLACE)
    """What to add: images, a folder, a table, OpenSARShip's archives, or a Parquet file of
    crosswake embed or of gallery export."""
    checkpoint: Path | None = None
    """The gallery's model; not needed for a Parquet file."""
    modality: ModalityChoice = "auto"
    """Modality of images in a plain folder, where their names do not say it."""
    batch_size: int = 64
    """Chips that go through the model together."""
    thumbnails: bool = True
    """Keep a small picture of each chip in the gallery."""
    source_name: str | None = None
    """Who or what the sightings come from; by default the source's path."""
    licence: str | None = None
    """Under which they may be used."""
    bad_list: Path | None = None
    """Write the files that were left out, and why, to this CSV file."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        check(self.batch_size > 0, "batch_size", f"must be above 0, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True)
class InfoConfig(GalleryConfig):
    """Say what a gallery holds: model, sightings by modality, sensor and type, period, region,
    index, judgements."""

    json: Path | None = None
    """Write it to this file as well."""


@dataclass(frozen=True, kw_only=True)
class IndexConfig(GalleryConfig):
    """Index a gallery for searches without filters, and measure how much of the exact answer the
    index finds. Small galleries need none."""

    probes: int = 40
    """Parts of the index that a search looks through; more find more and take longer."""
    sample: int = 100
    """Sightings that are searched for, by the index and exactly."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        for name in ("probes", "sample"):
            check(getattr(self, name) > 0, name, f"must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class GalleryExportConfig(GalleryConfig, OverwriteConfig):
    """Write a gallery's sightings to a file that other programs open."""

    output: Path
    """The file: .parquet with embeddings, which gallery add takes; .geoparquet or .geojson for
    maps; or .csv."""
    where: str = ""
    """Only sightings that meet this condition in SQL, such as "length_m > 100"."""
    thumbnails: bool = False
    """Write the small pictures too, to .parquet and .geoparquet."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        good = self.output.suffix.lower() in EXPORT_ENDINGS
        check(good, "output", f"{self.output} must end in one of {', '.join(EXPORT_ENDINGS)}")
        check_condition(self.where)


@dataclass(frozen=True, kw_only=True)
class CompactConfig(GalleryConfig):
    """Put a gallery's small files together, drop its earlier states, and bring its index up to
    date."""

    keep_hours: float = 1.0
    """Earlier states of so many hours stay, for those who read or write at this moment."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        check(self.keep_hours >= 0, "keep_hours", f"must be 0 or more, got {self.keep_hours}")


@dataclass(frozen=True, kw_only=True)
class DeleteConfig(GalleryConfig):
    """Remove sightings from a gallery. Without --yes it only says how many."""

    id: tuple[str, ...] = ()
    """Ids of the sightings, or their first letters."""
    where: str = ""
    """All sightings that meet this condition in SQL, such as "source = 'old.csv'"."""
    yes: bool = False
    """Remove them."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        check(bool(self.id) != bool(self.where), "id", "name ids, or a condition with --where")
        check_condition(self.where)


@dataclass(frozen=True, kw_only=True)
class JudgeConfig(GalleryConfig):
    """Say whether two sightings are one ship, take a judgement back, or write all judgements to a
    file. A judgement is never changed or removed; an undone one stays on record."""

    query: str | None = None
    """Id of the one sighting, or its first letters."""
    candidate: str | None = None
    """Id of the other."""
    verdict: Literal["same", "different", "unsure"] | None = None
    """What you find."""
    who: str | None = None
    """Who judges; by default the user of this machine."""
    note: str | None = None
    """Why."""
    undo: str | None = None
    """Take back the judgement with this id, or its first letters."""
    export: Path | None = None
    """Write all judgements to this CSV file."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        pair = [self.query, self.candidate, self.verdict]
        good = all(pair) or not any(pair)
        check(good, "verdict", "a judgement needs --query, --candidate and --verdict")
        done = sum(map(bool, (any(pair), self.undo, self.export)))
        check(done == 1, "query", "name a pair to judge, or --undo ID, or --export FILE.csv")
        bad = self.export is not None and self.export.suffix.lower() != ".csv"
        check(not bad, "export", f"{self.export} must end in .csv")
