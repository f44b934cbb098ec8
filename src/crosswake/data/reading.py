"""How the files of a data set are read, put on each of its chips or pairs."""

from dataclasses import replace
from typing import Any

from crosswake.data.chips import AS_THE_FILE_SAYS, Chip, Reading
from crosswake.data.pairs import PairData
from crosswake.data.reid import Chips, ReidData


def chip_read_as(chip: Chip, reading: Reading) -> Chip:
    """The chip read as wanted; what its source or table said of it stays."""
    if reading == AS_THE_FILE_SAYS:
        return chip
    return replace(chip, reading=completed(chip.reading, reading))


def completed(known: Reading, wanted: Reading) -> Reading:
    """What is known of a file, and for the rest what is wanted of all files."""
    return Reading(
        sar_band=wanted.sar_band if known.sar_band is None else known.sar_band,
        bands=known.bands or wanted.bands,
        of_model=wanted.of_model if known.sar_band is None else known.of_model,
    )


def read_as(data: ReidData, reading: Reading) -> ReidData:
    """All chips of a data set read as wanted; equal chips stay one object."""
    if reading == AS_THE_FILE_SAYS:
        return data
    known: dict[int, Chip] = {}

    def changed(chips: Chips) -> Chips:
        return tuple(known.setdefault(id(chip), chip_read_as(chip, reading)) for chip in chips)

    parts: Any = {name: changed(part) for name, part in vars(data).items() if is_chips(part)}
    subsets = {name: (changed(one), changed(two)) for name, (one, two) in data.subsets.items()}
    return replace(data, subsets=subsets, **parts)


def is_chips(part: Any) -> bool:
    """Whether a part of a data set holds chips."""
    return isinstance(part, tuple) and bool(part) and isinstance(part[0], Chip)


def pairs_read_as(data: PairData, reading: Reading) -> PairData:
    """All pairs read as wanted."""
    pairs = (replace(pair, reading=completed(pair.reading, reading)) for pair in data.pairs)
    return data if reading == AS_THE_FILE_SAYS else replace(data, pairs=tuple(pairs))
