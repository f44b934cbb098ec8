"""Settings of ``crosswake data pairs``."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from crosswake.data.build.settings import BuildSettings
from crosswake.settings.common import BY_PLACE, StrictConfig
from crosswake.settings.reading import ReadingConfig


@dataclass(frozen=True, kw_only=True)
class PairsConfig(StrictConfig, ReadingConfig, BuildSettings):
    """Build OptiSar_Pair, the set that pretraining reads, out of SEN1-2, DFC23 and registered
    scenes. Run again after an interruption, it goes on."""

    out: Path = field(metadata=BY_PLACE)
    """Folder to make: OptiSar_Pair/, manifest.parquet, report.json."""
    sen12: tuple[Path, ...] = ()
    """Folder of SEN1-2, original or by terrain; may be given several times."""
    dfc23: tuple[Path, ...] = ()
    """Folder of DFC23, both tracks; may be given several times."""
    scenes: tuple[Path, ...] = ()
    """Folder of registered scenes, opt/ and sar/; may be given several times."""
    workers: int = 0
    """Threads; 0 for one a core."""

    @property
    def build(self) -> BuildSettings:
        """The settings that decide what the pairs are."""
        return BuildSettings(**{one.name: getattr(self, one.name) for one in fields(BuildSettings)})
