"""Windows of images."""

from dataclasses import astuple, dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A window of an image, in pixels; rows ``top`` to ``top + height``, columns ``left`` to ``left
    + width``."""

    top: int
    left: int
    height: int
    width: int

    def __str__(self) -> str:
        return "_".join(map(str, astuple(self)))

    def within(self, other: "Box") -> "Box":
        """The same window, as seen from the corner of ``other``."""
        return Box(self.top - other.top, self.left - other.left, self.height, self.width)

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The window of (..., height, width)."""
        return pixels[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def inside(self, height: int, width: int) -> bool:
        """Whether an image of ``height`` x ``width`` holds the whole window."""
        return 0 <= self.top <= height - self.height and 0 <= self.left <= width - self.width

    def overlap(self, other: "Box") -> float:
        """Shared area as a share of the smaller window's."""
        rows = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        columns = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        smaller = min(self.height * self.width, other.height * other.width)
        return max(rows, 0) * max(columns, 0) / smaller
