"""Settings of the commands that make, check and fetch data."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from crosswake.settings.common import (
    BY_PLACE,
    OverwriteConfig,
    QuietConfig,
    SeedConfig,
    StrictConfig,
    check,
)
from crosswake.settings.reading import ReadingConfig
from crosswake.simulate.traffic_settings import TrafficConfig

TRAFFIC_FIELDS = tuple(one.name for one in fields(TrafficConfig))


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(TrafficConfig, SeedConfig, QuietConfig, OverwriteConfig):
    """Make a fleet of simulated ships in the HOSS ReID layout, or traffic of such ships that
    satellites see again and again."""

    out: Path | None = field(default=None, metadata=BY_PLACE)
    """Folder to make; it must not exist, or be empty."""
    traffic: bool = False
    """Let ships sail one sea for weeks and satellites pass over it, instead of a fleet."""
    identities: int = 400
    """Number of ships, two thirds of them for training."""
    sightings: int = 6
    """Chips of each ship, optical and SAR in turn."""
    workers: int = 0
    """Processes; 0 for one a core."""
    preview: Path | None = None
    """Also draw some of the ships, or the map of the traffic, to this PNG."""

    def __post_init__(self) -> None:
        super().__post_init__()
        SeedConfig.__post_init__(self)
        unused = ("identities", "sightings") if self.traffic else TRAFFIC_FIELDS
        for one in fields(self):
            given = one.name in unused and getattr(self, one.name) != one.default
            which = "a fleet, without" if self.traffic else "traffic; add"
            check(not given, one.name, f"is a setting of {which} --traffic")
        check(
            self.out is not None or self.preview is not None,
            "preview",
            "nothing to do; name a folder to make, or a PNG with --preview FILE.png",
        )


@dataclass(frozen=True, kw_only=True)
class CheckConfig(StrictConfig, OverwriteConfig, ReadingConfig):
    """Read every chip or pair of a data set, list what is wrong with it, count it, and draw a
    contact sheet. Exit code 0: every file is good; 2: some are not."""

    root: Path = field(metadata=BY_PLACE)
    """A folder in the HOSS layout or of pairs, or a CSV table."""
    sheet: Path | None = None
    """Contact sheet, a PNG; by default <data name>-sheet.png in the current folder."""
    json: Path | None = None
    """Write counts and findings to this file as well."""


@dataclass(frozen=True, kw_only=True)
class DownloadConfig(QuietConfig):
    """Fetch a data set or weights by name; without a name, list what there is."""

    name: str | None = field(default=None, metadata=BY_PLACE)
    """What to fetch."""
    list: bool = False
    """List what there is."""
    to: Path | None = None
    """Folder to put it in; by default data/NAME, and the hub's cache for weights."""
    only: str | None = None
    """Fetch only files of a data set whose name fits this pattern, like 'HOSS*'."""
