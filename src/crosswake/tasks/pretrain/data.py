"""What pretraining reads: pairs to learn from, decoded once, and pairs of other scenes to validate
on."""

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
"""Held-out places that a validation needs: among very few, every epoch finds the right one."""
VALIDATION_WINDOWS = 1000
"""Held-out pairs that are looked at, at most: a validation takes seconds whatever the size of the
set."""


def open_pretraining_data(config: PretrainConfig) -> PairData:
    """The pairs in whichever layout, with what cannot be used of them pointed out."""
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
    """Pairs to learn from, and windows of whole scenes held out of them; none where that would be
    too few places.

    Pairs of another split than ``--splits`` take no part: they are what the result is measured on.
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
    """The windows of a held-out pair; the pair itself where its size cannot be read, which decoding
    will list."""
    try:
        return measured_windows((pair,))
    except UnreadableChipError:
        return (pair,)


def decode_once(pairs: Pairs, config: PretrainConfig, fabric: Fabric, quiet: bool) -> PairStore:
    """The training pairs, decoded by the first process and mapped by all."""
    how = PairDecoding(
        size=config.model.image_size, whole=not config.crops, sar=config.sar_radiometry
    )
    files = [
        (str(path.resolve()), path.stat().st_mtime_ns)
        for pair in pairs
        for path in (pair.optical, pair.sar)
    ]
    # Files mended in place are decoded again; images kept as they are hang on the size too: smaller
    # ones are left out.
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
    """The held-out windows as chips, decoded as for testing."""
    optical, sar = pair_chips(held)
    how = config.sar_radiometry
    return decode(
        optical + sar, config.model.image_size, sar=how, strict=config.strict, quiet=quiet
    )
