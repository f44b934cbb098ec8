"""Settings of the short commands of the buildings theme."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crosswake.settings.common import BY_PLACE, OverwriteConfig, StrictConfig, check

Track = Literal[1, 2]
ContestSplit = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class BuildingsCheckConfig(StrictConfig, OverwriteConfig):
    """Read every tile of a folder of DFC23, judge every building, count them, and draw some; or
    name what is wrong with a submission. Exit code 0: nothing is; 2: something is."""

    root: Path = field(metadata=BY_PLACE)
    """Folder of both tracks or of one, or a submission as a zip."""
    track: Track | None = None
    """Check this track alone; by default every one that is there."""
    reference: Path | None = None
    """Folder of the tiles that a submission is for; without it image ids are not checked."""
    split: ContestSplit = "test"
    """Split of --reference that the submission is for."""
    output: Path | None = None
    """Folder for check.json, with every finding and count, and a sheet of tiles of each track."""

    def __post_init__(self) -> None:
        zipped = self.root.suffix.lower() == ".zip"
        only = "is for a submission, a zip; a folder of tiles needs none"
        check(zipped or self.reference is None, "reference", only)
        only = "is for a folder of tiles; what is wrong with a submission is printed"
        check(not zipped or self.output is None, "output", only)
