"""What was found on a tile, or truly stands there: instances with their masks, and heights."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.extras import require


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One building, found or true.

    Attributes:
        category: from 1, into the classes of its track.
        counts: its mask as COCO's compressed run-length, of the tile's size.
        score: of what was found, 0 to 1.
        area: of a true one, in pixels, as its file says: it decides between small, medium and
            large; None for that of the mask.
        crowd: COCO's ``iscrowd``.
        box: x, y, width and height in pixels; None for that of the mask.
    """

    category: int
    counts: bytes
    score: float = 1.0
    area: float | None = None
    crowd: bool = False
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TileResult:
    """What was found on one tile, or what truly stands there.

    Attributes:
        image_id: of the contest's files; results meet by it.
        size: rows and columns.
        instances: in the order of their file.
        height: (rows, columns) metres above ground, float32; None where there is none.
        stem: file name without suffix.
        city: of its name; empty if unknown.
    """

    image_id: int
    size: tuple[int, int] = (512, 512)
    instances: tuple[Instance, ...] = ()
    height: NDArray[np.float32] | None = None
    stem: str = ""
    city: str = ""


def coco_masks() -> Any:
    """The module ``pycocotools.mask``."""
    return require("pycocotools.mask", "buildings", "measuring buildings")


def run_length(instance: Instance, size: tuple[int, int]) -> dict[str, Any]:
    """The dict that pycocotools takes."""
    return {"size": list(size), "counts": instance.counts}


def instance_of_mask(
    mask: NDArray[Any], category: int, score: float = 1.0, area: float | None = None
) -> Instance:
    """A (rows, columns) mask as an instance; what is not 0 belongs to it."""
    counts = coco_masks().encode(np.asfortranarray(mask != 0, dtype=np.uint8))["counts"]
    return Instance(category=category, counts=counts, score=float(score), area=area)


def mask_of_instance(instance: Instance, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(rows, columns), true where the building is."""
    return np.asarray(coco_masks().decode(run_length(instance, size)), dtype=np.bool_)


def by_image(results: Iterable[TileResult]) -> dict[int, TileResult]:
    """Results by their image id."""
    return {one.image_id: one for one in results}


def results_fingerprint(results: Iterable[TileResult]) -> str:
    """Twelve hex digits that change when an image id, a building or a height does."""
    digest = hashlib.sha256()
    for one in results:
        digest.update(f"{one.image_id} {one.size}\n".encode())
        for instance in one.instances:
            digest.update(f"{instance.category} {instance.crowd} ".encode() + instance.counts)
        if one.height is not None:
            digest.update(np.ascontiguousarray(one.height).data)
    return digest.hexdigest()[:12]
