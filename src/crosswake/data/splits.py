"""Identities held out of the training set, to choose the best epoch by."""

from collections.abc import Sequence

import numpy as np

from crosswake.data.chips import Chip
from crosswake.data.reid import Chips, cross_modal_identities, identities


def split_validation(chips: Sequence[Chip], fraction: float, seed: int) -> tuple[Chips, Chips]:
    """Training and validation chips, no identity in both.

    Only identities with chips of both modalities are held out, since only they measure retrieval
    across modalities. At least two identities stay for training.

    Args:
        chips: the training chips.
        fraction: share of those identities to hold out; at least two unless it is 0.
        seed: decides which.
    """
    candidates = cross_modal_identities(chips)
    spare = min(len(candidates), len(identities(chips)) - 2)
    wanted = max(2, round(fraction * len(candidates))) if fraction else 0
    if not 2 <= wanted <= spare:
        return tuple(chips), ()
    held = set(np.random.default_rng(seed).choice(candidates, wanted, replace=False).tolist())
    train = tuple(chip for chip in chips if chip.identity not in held)
    return train, tuple(chip for chip in chips if chip.identity in held)
