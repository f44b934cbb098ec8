"""What pretraining reads: pairs to learn from, which are decoded once, and pairs to validate on,
which are of other scenes."""

import hashlib
import json

import numpy as np
from lightning_fabric import Fabric

from crosswake.batches.pair_file import VERSION, decode_pairs
from crosswake.batches.prepare import PairDecoding
from crosswake.batches.stores import ChipStore, PairStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pair_chips import measured_windows, pair_chips
from crosswake.data.pairs import Pair, PairData, Pairs, held_scenes, pairs_fingerprint
from crosswake.data.reading import pairs_read_as
from crosswake.data.sources.open import find_reader
from crosswake.settings.pretrain import PretrainConfig

LEAST_PLACES = 10
"""Places that a validation needs at least. Among fewer, even a poor model finds the right one."""
VALIDATION_WINDOWS = 1000
"""Held-out pairs that a validation measures at most, so that it takes seconds on any data set."""


def open_pretraining_data(config: PretrainConfig) -> PairData:
    """The pairs of ``--data``, in any known layout; what cannot be used is in ``bad_files``.

    Raises:
        CrosswakeError: there are none, or one cannot be used and ``--strict`` is set.
    """
    if config.data is None:
        raise CrosswakeError(
            "--data: say what to pretrain on: a folder of optical-SAR pairs (crosswake data pairs)"
        )
    reader = find_reader(config.data)
    if reader is None:
        raise CrosswakeError(
            f"--data: {config.data} holds no optical-SAR pairs in a known layout; see data pairs"
        )
    data = pairs_read_as(reader(config.data), config.reading)
    if config.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    return data


def split_pairs(data: PairData, config: PretrainConfig) -> tuple[Pairs, Pairs]:
    """Splits the pairs into those to learn from and those to validate on.

    Whole scenes are held out for validation, and cut into windows as a measurement cuts them. If
    these show too few places, nothing is held out. Pairs of a split that ``--splits`` does not name
    are in neither part: the result is measured on them.
    """
    pairs = tuple(pair for pair in data.pairs if not pair.split or pair.split in config.splits)
    if not pairs:
        known = ", ".join(sorted({pair.split for pair in data.pairs}))
        raise CrosswakeError(
            f"--splits: {data.root} has no pairs of {', '.join(config.splits)}; declared are: "
            f"{known}"
        )
    if not config.validation.fraction:
        return pairs, ()
    scenes = held_scenes(pairs, config.validation.fraction, config.seed)
    held = tuple(
        window
        for pair in pairs
        if (pair.source, pair.scene) in scenes
        for window in windows_of(pair)
    )
    if len({pair.id for pair in held}) < LEAST_PLACES:
        return pairs, ()
    chosen = np.random.default_rng(config.seed).permutation(len(held))[:VALIDATION_WINDOWS]
    train_pairs = tuple(pair for pair in pairs if (pair.source, pair.scene) not in scenes)
    return train_pairs, tuple(held[place] for place in sorted(chosen))


def windows_of(pair: Pair) -> Pairs:
    """The windows of a held-out pair. If its size cannot be read, the pair itself, which decoding
    then lists as a bad file."""
    try:
        return measured_windows((pair,))
    except UnreadableChipError:
        return (pair,)


def decode_once(pairs: Pairs, config: PretrainConfig, fabric: Fabric, quiet: bool) -> PairStore:
    """The training pairs. The first process decodes them into a file, which all processes map."""
    how = PairDecoding(
        size=config.model.image_size, whole=not config.crops, sar=config.sar_radiometry
    )
    files = [
        (str(path.resolve()), path.stat().st_mtime_ns)
        for pair in pairs
        for path in (pair.optical, pair.sar)
    ]
    # The times of the files count, so that one that was mended is decoded again. So does the size:
    # images that are smaller are left out.
    readings = sorted({repr(pair.reading) for pair in pairs})
    text = json.dumps(
        [VERSION, pairs_fingerprint(pairs), files, how.size, how.whole, how.sar, readings]
    )
    path = (
        config.cache or config.output
    ) / f"pairs-{hashlib.sha256(text.encode()).hexdigest()[:12]}.u8"
    if fabric.is_global_zero:
        decode_pairs(pairs, how, path, strict=config.strict, quiet=quiet)
    fabric.barrier()
    return decode_pairs(pairs, how, path, quiet=True)


def decode_held(held: Pairs, config: PretrainConfig, quiet: bool) -> ChipStore:
    """The held-out windows as chips, decoded as a measurement decodes them."""
    optical, sar = pair_chips(held)
    how = config.sar_radiometry
    return decode(
        optical + sar, config.model.image_size, sar=how, strict=config.strict, quiet=quiet
    )
