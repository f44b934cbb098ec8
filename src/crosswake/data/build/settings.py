"""What decides which pairs are made. Help reads it, so nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal

from crosswake.core.errors import CrosswakeError

SMALLEST_CROP = 16
"""Pixels along a side; a smaller crop holds less than one patch of the model."""


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """What decides which pairs are made, besides the sources themselves.

    Attributes:
        tile: side in pixels of the squares that DFC23 and SEN1-2 images are cut into; None leaves
            them whole.
        crops: how scenes are cut.
        crop_size: rows and columns of a scene's crops.
        per_scene: random crops of each scene; None for 64.
        stride: rows and columns from one grid crop to the next; None for ``crop_size``.
        seed: of the random crops.
        max_offset: pixels that the two images of a pair may be off each other; None for any.
        drop_misregistered: leave out pairs beyond ``max_offset``; otherwise they are only listed.
    """

    tile: int | None = None
    crops: Literal["grid", "random"] = "grid"
    crop_size: tuple[int, int] = (256, 256)
    per_scene: int | None = None
    stride: tuple[int, int] | None = None
    seed: int = 0
    max_offset: float | None = None
    drop_misregistered: bool = False

    def __post_init__(self) -> None:
        for name, sides in (("tile", (self.tile,)), ("crop_size", self.crop_size)):
            if any(side is not None and side < SMALLEST_CROP for side in sides):
                raise CrosswakeError(f"--{name}: {SMALLEST_CROP} pixels are the least; give more")
        if self.stride is not None and min(self.stride) < 1:
            raise CrosswakeError("--stride: one pixel is the least; give more")
        if self.per_scene is not None and self.per_scene < 1:
            raise CrosswakeError("--per_scene: one crop is the least; give more")
        if self.per_scene is not None and self.crops == "grid":
            raise CrosswakeError(
                "--per_scene: a grid has as many crops as fit; add --crops random, or leave it out"
            )
        if self.stride is not None and self.crops == "random":
            raise CrosswakeError(
                "--stride: random crops have none; add --crops grid, or leave it out"
            )
        if self.seed < 0:
            raise CrosswakeError(f"--seed is {self.seed}; give 0 or more")
        if self.max_offset is not None and not self.max_offset >= 0:
            raise CrosswakeError(f"--max_offset is {self.max_offset:g}; give 0 or more pixels")
        if self.drop_misregistered and self.max_offset is None:
            raise CrosswakeError(
                "--drop_misregistered: needs --max_offset to say what is too far; add it"
            )
