"""Batches of P identities and K chips each (Hermans et al., arXiv 1703.07737), identities in both
their modalities."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import identities as identities_of
from crosswake.settings.train import BatchConfig


def epoch_batches(
    chips: Sequence[Chip], config: BatchConfig, seed: int, epoch: int, processes: int = 1
) -> list[NDArray[np.int64]]:
    """The batches of one epoch, as indices into ``chips``; the same for the same seed and epoch.

    Every identity gives as many groups of K as its chips fill (at least one), half of either
    modality where it has both; a modality with fewer chips repeats them. Batches are drawn while P
    identities have groups left.

    Returns:
        arrays of P * K indices, the K of an identity side by side. P is smaller if there are fewer
        identities, or if ``processes`` could not share a batch alike; no batches if there is no
        such P from 2.
    """
    random = np.random.default_rng([seed, epoch])
    groups = {
        identity: identity_groups(members, config.chips, random)
        for identity, members in members_of(chips).items()
    }
    fitting = (count for count in range(min(config.identities, len(groups)), 1, -1))
    size = next((count for count in fitting if count * config.chips % processes == 0), 0)
    batches = []
    while size and len(groups) >= size:
        chosen = random.choice(sorted(groups), size, replace=False)
        batches.append(np.concatenate([groups[identity].pop() for identity in chosen]))
        groups = {identity: left for identity, left in groups.items() if left}
    return batches


def members_of(chips: Sequence[Chip]) -> dict[str, list[list[int]]]:
    """For every identity, the indices of its optical and of its SAR chips; an absent modality is
    left out."""
    members: dict[str, dict[Modality, list[int]]] = {
        identity: {} for identity in identities_of(chips)
    }
    for index, chip in enumerate(chips):
        members[chip.identity].setdefault(chip.modality, []).append(index)
    return {
        identity: [found[modality] for modality in sorted(found)]
        for identity, found in members.items()
    }


def identity_groups(
    modalities: Sequence[Sequence[int]], size: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Groups of ``size`` indices of one identity, its modalities in equal shares."""
    count = max(1, sum(map(len, modalities)) // size)
    streams = [shuffled(indices, random) for indices in modalities]
    return [
        np.array([next(streams[place % len(streams)]) for place in range(size)], np.int64)
        for _ in range(count)
    ]


def shuffled(indices: Sequence[int], random: np.random.Generator) -> Iterator[int]:
    """The indices in random order, for ever; each comes once before any comes again."""
    while True:
        yield from random.permutation(np.asarray(indices)).tolist()
