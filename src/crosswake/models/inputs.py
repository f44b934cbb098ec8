"""What a model is given from Python: chips, paths and arrays, one or many, all made into chips."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from crosswake.batches.prepare import ChipDecoding
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.georeference import NOWHERE
from crosswake.data.pixels import Pixels, image_size, placed
from crosswake.data.radiometry import as_stored
from crosswake.data.reid import BadFile, Chips
from crosswake.data.sources.listing import ModalityChoice, loose_file
from crosswake.data.units import as_amplitude

Embeddable = Any
"""A :class:`Chip`, a path (``str`` or :class:`~pathlib.Path`), or an array: (height, width) is SAR,
(height, width, 3) is optical. Whatever NumPy can read is an array: PIL images, tensors."""
PLAIN_MODES = ("L", "RGB", "I", "I;16", "F")
"""PIL's modes whose numbers are brightness."""
ARRAY_FORMS = "an array is (height, width) for SAR or (height, width, 3) for optical"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Chips to embed.

    Attributes:
        chips: in the order given.
        pixels: of those that came as arrays, which are in no file.
    """

    chips: Chips
    pixels: Mapping[Chip, Pixels] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MixedDecoding(ChipDecoding):
    """Chips in files, and chips that are in memory.

    Attributes:
        pixels: of the latter.
    """

    pixels: Mapping[Chip, Pixels] = field(default_factory=dict)

    def pixels_of(self, chip: Chip) -> tuple[Pixels, Chip]:
        """From memory or from the file; what is judged of a file's SAR is judged of an array's."""
        if chip not in self.pixels:
            return super().pixels_of(chip)
        pixels = self.pixels[chip]
        if chip.modality is Modality.SAR and not as_stored(self.sar):
            pixels = as_amplitude(chip.path, pixels)
        return pixels, placed(chip, NOWHERE)


def as_inputs(
    given: Embeddable, modality: ModalityChoice = "auto", ground_size: float | None = None
) -> Inputs:
    """One thing to embed, or any iterable of them, as chips.

    Args:
        given: a chip, path or array, or several; the kinds may be mixed.
        modality: of paths and arrays. ``auto`` takes it from a word in the file's name or its
            folder's, as ``crosswake embed`` does, and from an array's shape.
        ground_size: metres a pixel of paths and arrays; as the chips of a data set have it if None.

    Raises:
        CrosswakeError: something is none of these; the message says which and why.
    """
    check_choice("modality", modality, ModalityChoice)
    if ground_size is not None and not 0 < ground_size < np.inf:
        raise CrosswakeError(f"ground_size: expected metres a pixel above 0, got {ground_size}")
    chips: list[Chip] = []
    pixels: dict[Chip, Pixels] = {}
    for place, one in enumerate(items_of(given)):
        if isinstance(one, Chip):
            chips.append(one)
            continue
        if isinstance(one, str | Path):
            chip = chip_of_path(Path(one), modality)
            if ground_size is not None:
                chip = of_ground_size(chip, image_size(chip.path), ground_size)
        else:
            picture = picture_of(one, f"item {place}")
            kind = Modality[modality.upper()] if modality != "auto" else modality_of(picture)
            # The name is made up, and tells arrays apart in complaints.
            chip = Chip(path=Path(f"item {place}"), modality=kind)
            if ground_size is not None:
                chip = of_ground_size(chip, picture.shape[:2], ground_size)
            pixels[chip] = picture
        chips.append(chip)
    return Inputs(chips=tuple(chips), pixels=pixels)


def check_choice(name: str, value: str, kind: Any) -> None:
    """Raise unless a value from Python is one of the words of a ``Literal``."""
    if value not in get_args(kind):
        words = ", ".join(get_args(kind))
        raise CrosswakeError(f"{name}: expected one of {words}, got {value!r}")


def items_of(given: Any) -> Iterable[Any]:
    """The things to embed, one by one: an array of two or three axes is one image."""
    if isinstance(given, Chip | str | Path):
        return [given]
    if is_array(given):
        found = as_array(given, "item 0")
        numbers = found.dtype.kind not in "OSTU"  # else an array, or a column, of paths or chips
        return [found] if numbers and found.ndim < 4 else np.atleast_1d(found)
    if isinstance(given, Mapping | bytes) or not isinstance(given, Iterable):
        raise CrosswakeError(
            f"cannot embed {type(given).__name__}; give chips (such as data.all_chips()), paths or "
            "arrays, one or a list"
        )
    return given


def is_array(given: Any) -> bool:
    """Whether NumPy can read it, as it can tensors and PIL images."""
    return hasattr(given, "__array__") or hasattr(given, "__array_interface__")


def chip_of_path(path: Path, modality: ModalityChoice) -> Chip:
    """The chip in a file, by its name.

    Raises:
        UnreadableChipError: the name does not end as an image's does, or does not say the modality.
    """
    if path.is_dir():
        raise UnreadableChipError(path, "is a folder; open it with crosswake.open_chips")
    found = loose_file(path, path.absolute().parent.parent, modality)
    if isinstance(found, BadFile):
        raise UnreadableChipError(path, found.reason.replace("--modality", "modality="))
    if modality not in ("auto", found.chip.modality.label):
        reason = f"its name says {found.chip.modality.label}; leave modality={modality!r} out"
        raise UnreadableChipError(path, reason)
    return replace(found.chip, path=path)


def of_ground_size(chip: Chip, shape: tuple[int, ...], ground_size: float) -> Chip:
    """The chip with its size in metres, from its height and width in pixels."""
    height, width = shape
    return replace(chip, width_m=width * ground_size, height_m=height * ground_size)


def picture_of(given: Any, name: str) -> Pixels:
    """(height, width) or (height, width, 3) of real numbers, as pixels of a file are.

    Masked values become NaN, which no statistics count; of 8 bit, which is shown as it is, 0.

    Raises:
        CrosswakeError: the array has other axes, no pixels, or no real numbers.
    """
    if not is_array(given):
        what = f"is of type {type(given).__name__}"
        raise CrosswakeError(f"{name}: {what}; give a chip, a path or an array")
    array = as_array(given, name)
    if array.dtype.kind not in "uif":
        raise CrosswakeError(f"{name}: holds {array.dtype}; give real numbers, of SAR amplitudes")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] == 4:
        array = array[..., :3]
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        several = "; give several as a list" if array.ndim == 3 else ""
        raise CrosswakeError(f"{name}: has the shape {array.shape}; {ARRAY_FORMS}{several}")
    if np.ma.isMaskedArray(array):
        eight_bit = array.dtype == np.uint8
        values = array if eight_bit else array.astype(np.float32)
        array = np.ma.filled(values, 0 if eight_bit else np.nan)
    if not np.isfinite(array).any():
        raise CrosswakeError(f"{name}: holds no finite value; leave it out")
    return np.ascontiguousarray(array)


def as_array(given: Any, name: str) -> Pixels:
    """Anything array-like as NumPy's; a masked array stays one. PIL's palettes become colours.

    Raises:
        CrosswakeError: it cannot be read, as a tensor that is on another device.
    """
    if np.ma.isMaskedArray(given):
        return given
    try:
        if isinstance(given, Image.Image) and given.mode not in PLAIN_MODES:
            given = given.convert("L" if given.mode in ("1", "LA") else "RGB")
        return np.asarray(given)
    except Exception as error:  # whatever another package's arrays raise
        reason = str(error).partition("\n")[0]
        raise CrosswakeError(f"{name}: {type(given).__name__} is no array ({reason})") from error


def modality_of(picture: Pixels) -> Modality:
    """By the bands: one is SAR, three are optical."""
    return Modality.SAR if picture.ndim == 2 else Modality.OPTICAL
