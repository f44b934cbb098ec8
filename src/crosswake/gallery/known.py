"""Sightings of known ships from a data set, embedded by a model: those that it may be calibrated
on, and those that it is measured on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip
from crosswake.data.reid import UNKNOWN, BadFile, Chips, ReidData, chips_fingerprint
from crosswake.data.splits import split_validation
from crosswake.gallery.trial import KnownSightings, table_of_chips
from crosswake.models.base import ChipEmbedder
from crosswake.models.weight_files import EXPORTED, read_weights
from crosswake.tasks.reid.measure import MeasureOptions, read_features

CalibrationSplit = Literal["validation", "train", "test"]


def chips_to_calibrate_on(
    checkpoint: Path, data: ReidData, split: CalibrationSplit | None
) -> tuple[Chips, CalibrationSplit]:
    """The chips of one part of the data, and which part it is.

    With the data that the model learnt from, the ships that its training held out for validation;
    with other data, the part that is named.

    Raises:
        CrosswakeError: the model learnt from these ships, none were held out, or other data have no
            part named.
    """
    learnt = trained_with(checkpoint)
    known = learnt.get("data", {}).get("fingerprint")
    own = known is not None and known == chips_fingerprint(data.train)
    if split == "test":
        return tuple(dict.fromkeys((*data.query, *data.gallery))), "test"
    if not own:
        if split == "train":
            return (*data.train, *data.unnamed), "train"
        raise CrosswakeError(
            f"--split: {data.root} is not what {checkpoint.name} says it learnt from; name the "
            "part to calibrate on: train, or test"
        )
    if split == "train":
        raise CrosswakeError(
            f"--split train: {checkpoint.name} learnt from these ships, so they look more alike to "
            "it than any others would; leave the option out"
        )
    config = learnt["config"]
    held_out = split_validation(data.train, config["validation"]["fraction"], config["seed"])[1]
    if not held_out:
        raise CrosswakeError(
            f"--data: {checkpoint.name} held no ship out for validation (--validation.fraction); "
            "calibrate on other data, with --split train"
        )
    return held_out, "validation"


def trained_with(checkpoint: Path) -> Mapping[str, Any]:
    """What one of our checkpoints says of its training on ships; nothing where it says nothing."""
    if checkpoint.suffix.lower() in EXPORTED:
        return {}
    meta = read_weights(checkpoint).meta
    return meta if meta.get("command") == "train" else {}


def embed_known(
    embedder: ChipEmbedder, data: ReidData, chips: Chips, options: MeasureOptions
) -> tuple[Chips, KnownSightings, tuple[BadFile, ...]]:
    """Read and embed chips; returns those that could be read, as sightings, and the others.

    Raises:
        CrosswakeError: not one can be read; a file is bad and ``options.strict`` is set.
    """
    features = read_features(embedder, chips, options)
    good = tuple(chip for chip in chips if chip in features.model)
    if not good:
        raise CrosswakeError(f"{data.root}: not one of {len(chips)} chips is readable")
    extents = {chip: extent_of(features.plain[chip].size) for chip in good}
    embeddings = np.stack([features.model[chip] for chip in good])
    table = table_of_chips(data, good, extents)
    return good, KnownSightings.of(table, embeddings), features.bad_files


def extent_of(size: Any) -> tuple[float, float]:
    """Width and height in metres from their logarithms."""
    width, height = np.exp(size)
    return float(width), float(height)


def known_rows(chips: Chips, part: Chips) -> list[int]:
    """The places of those chips that are in a part of the data and of known ships."""
    wanted: set[Chip] = {chip for chip in part if chip.identity != UNKNOWN}
    return [row for row, chip in enumerate(chips) if chip in wanted]
