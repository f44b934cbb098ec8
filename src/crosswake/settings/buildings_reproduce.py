"""Settings of ``crosswake buildings reproduce``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.settings.common import DeviceConfig, StrictConfig, check


@dataclass(frozen=True, kw_only=True)
class BuildingsReproduceConfig(DeviceConfig, StrictConfig):
    """Train the contest's baselines and our models one after the other, measure them on the same
    tiles, and show them beside the published table. Started again on the same output, it goes on
    where it stopped; what is finished is kept."""

    data: Path
    """Folder with track1/ and track2/ as the contest lays them out."""
    output: Path = Path("runs/reproduce")
    """Folder for a run of each model and the report."""
    track: Literal[1, 2] = 1
    """1 for roof types, 2 for buildings and their heights."""
    budget: Literal["small", "published"] = "published"
    """published: the contest's ResNet-50 on whole tiles, for a GPU; small: small networks for two
    CPU cores, a quarter of an hour each."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every model is trained once with each."""
    only: tuple[str, ...] = ()
    """Models to train, by the names that the table has; all by default."""
    change: tuple[str, ...] = ()
    """Settings of buildings train in which all models differ from their recipes: epochs=1."""
    draws: int = 1000
    """How often the tiles are drawn anew for the intervals."""

    def __post_init__(self) -> None:
        check(bool(self.seeds), "seeds", "name at least one")
        check(len(set(self.seeds)) == len(self.seeds), "seeds", "one is named twice")
        check(self.draws >= 0, "draws", f"must be 0 or more, got {self.draws}")
        for one in self.change:
            check("=" in one, "change", f"'{one}' has no value; write epochs=1")
