"""Settings of ``crosswake gallery search``, and the intervals and places that are written there."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from crosswake.data.sources.listing import ModalityChoice
from crosswake.settings.common import DeviceConfig, OverwriteConfig, StrictConfig, check
from crosswake.settings.evidence import EvidenceConfig
from crosswake.settings.gallery import GalleryConfig, check_condition
from crosswake.settings.reading import ReadingConfig

Bounds = tuple[float | None, float | None]
"""Least and greatest value; None where there is no bound."""
FOUND_ENDINGS = (".csv", ".json", ".geojson", ".parquet", ".geoparquet")
WHOLE_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
KM = {"": 1.0, "km": 1.0, "m": 0.001, "nm": 1.852, "nmi": 1.852}
DISTANCE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class GallerySearchConfig(
    GalleryConfig, DeviceConfig, StrictConfig, OverwriteConfig, ReadingConfig, EvidenceConfig
):
    """Ask a gallery where a ship has been seen: candidates with the evidence on each, and where
    the model has a calibration, probabilities. Filters come first; what they leave is compared
    exactly."""

    checkpoint: Path | None = None
    """The gallery's model. It embeds images, and its calibration beside it gives probabilities."""
    query: Path | None = None
    """What to look for: an image, a folder of images, a table of chips, or a Parquet file of
    crosswake embed."""
    id: tuple[str, ...] = ()
    """Look for these sightings of the gallery, by their ids or first letters."""
    embedding: Path | None = None
    """Look for these embeddings: a .npy file of (width) or (queries, width)."""
    query_modality: ModalityChoice = "auto"
    """Modality of the query images whose names do not say it, and of --embedding."""
    query_time: str | None = None
    """When the query was seen, where its file does not say it: 2026-03-01T12:30Z."""
    query_position: str | None = None
    """Where it was seen: LON,LAT in degrees."""
    from_: str | None = None
    """Only sightings from this time on: 2026-03-01 or 2026-03-01T12:30Z; UTC."""
    to: str | None = None
    """Only sightings up to this time; a day counts as a whole."""
    bbox: str | None = None
    """Only sightings in this box: W,S,E,N in degrees. W above E goes over the antimeridian."""
    within: str | None = None
    """Only sightings so near to the query: 500km, or 270nm."""
    length: str | None = None
    """Only ships of this length in metres: 180..240, 180.. or ..240."""
    width: str | None = None
    """Only ships of this width in metres, likewise."""
    modality: Literal["any", "optical", "sar"] = "any"
    """Only sightings of this modality."""
    sensor: tuple[str, ...] = ()
    """Only sightings by these sensors."""
    type: str = ""
    """Only ships whose type holds this word: tanker."""
    where: str = ""
    """Only sightings that meet this condition in SQL, such as "identity IS NOT NULL"."""
    top: int = 20
    """Number of candidates for each query."""
    index: bool = True
    """Use the index, if there is one, where nothing is filtered and the gallery is large."""
    output: Path | None = Path("search.html")
    """The page to write; none for no page."""
    table: tuple[Path, ...] = ()
    """Also write the candidates to these files: .csv, .json, .geojson, .parquet or .geoparquet."""
    batch_size: int = 64
    """Queries that go through the model together."""

    def __post_init__(self) -> None:
        GalleryConfig.__post_init__(self)
        EvidenceConfig.__post_init__(self)
        given = sum(map(bool, (self.query, self.id, self.embedding)))
        check(given == 1, "query", "name what to look for by one of --query, --id, --embedding")
        for name in ("top", "batch_size"):
            check(getattr(self, name) > 0, name, f"must be above 0, got {getattr(self, name)}")
        good = self.output is None or self.output.suffix.lower() == ".html"
        check(good, "output", f"{self.output} must end in .html")
        for path in self.table:
            good = path.suffix.lower() in FOUND_ENDINGS
            check(good, "table", f"{path} must end in one of {', '.join(FOUND_ENDINGS)}")
        check_condition(self.where)
        _ = self.period, self.box, self.within_km, self.lengths, self.widths, self.position

    @property
    def period(self) -> tuple[datetime | None, datetime | None]:
        """First and last moment."""
        start, end = moment_given("from", self.from_), moment_given("to", self.to, last=True)
        check(not (start and end and end < start), "to", f"{self.to} is before {self.from_}")
        return start, end

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north."""
        if self.bbox is None:
            return None
        west, south, east, north = numbers_of_text("bbox", self.bbox, "W,S,E,N")
        good = max(abs(west), abs(east)) <= 180 and -90 <= south <= north <= 90
        check(good, "bbox", f"expected W,S,E,N in degrees with S below N, got {self.bbox}")
        return west, south, east, north

    @property
    def position(self) -> tuple[float, float] | None:
        """Longitude and latitude of the query."""
        if self.query_position is None:
            return None
        lon, lat = numbers_of_text("query_position", self.query_position, "LON,LAT")
        good = abs(lon) <= 180 and abs(lat) <= 90
        check(good, "query_position", f"expected LON,LAT in degrees, got {self.query_position}")
        return lon, lat

    @property
    def within_km(self) -> float | None:
        """Greatest distance to the query in kilometres."""
        if self.within is None:
            return None
        match = DISTANCE.fullmatch(self.within.strip())
        good = match is not None and match[2].lower() in KM
        check(good, "within", f"expected a distance such as 500km or 270nm, got {self.within}")
        assert match is not None
        return float(match[1]) * KM[match[2].lower()]

    @property
    def lengths(self) -> Bounds:
        """Bounds of the ship's length."""
        return bounds_of("length", self.length)

    @property
    def widths(self) -> Bounds:
        """Bounds of the ship's width."""
        return bounds_of("width", self.width)

    @property
    def query_moment(self) -> datetime | None:
        """When the query was seen."""
        return moment_given("query_time", self.query_time)


def moment_given(option: str, text: str | None, last: bool = False) -> datetime | None:
    """A moment in UTC; of a day its first or last."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        check(False, option, f"expected a time such as 2026-03-01T12:30Z, got {text}")
        raise AssertionError from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if last and WHOLE_DAY.fullmatch(text.strip()):
        moment += timedelta(days=1, microseconds=-1)
    return moment


def numbers_of_text(option: str, text: str, form: str) -> list[float]:
    """Finite numbers with commas between them, as many as ``form`` has."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    good = len(found) == len(form.split(",")) and all(abs(one) < float("inf") for one in found)
    check(good, option, f"expected {form} in degrees, got {text}")
    return found


def bounds_of(option: str, text: str | None) -> Bounds:
    """``180..240``, ``180..``, ``..240`` or ``200``."""
    if text is None:
        return None, None
    low, dots, high = text.partition("..")
    try:
        first = float(low) if low else None
        second = (float(high) if high else None) if dots else first
    except ValueError:
        first = second = None
    good = (first, second) != (None, None) and (
        first is None or second is None or 0 <= first <= second
    )
    check(good, option, f"expected bounds in metres such as 180..240, got {text}")
    return first, second
