"""Which chips, and which windows of which pairs, make up the batches of an epoch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.stores import PairStore
from crosswake.core.boxes import Box
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import identities as identities_of
from crosswake.settings.train import BatchConfig

SAME_PLACE = 0.5
"""Windows of one image that share more than this of their area show the same place."""


def epoch_batches(
    chips: Sequence[Chip],
    config: BatchConfig,
    seed: int,
    epoch: int,
    processes: int = 1,
    told_apart: Sequence[tuple[str, str]] = (),
) -> list[NDArray[np.int64]]:
    """The batches of one epoch of chips, P identities with K chips each (Hermans et al.,
    arXiv 1703.07737); the same for the same seed and epoch.

    Every identity gives as many groups of K as its chips fill, at least one, with equally many
    chips of either modality where it has both; a modality with fewer chips repeats them. Batches
    are drawn while P identities have groups left.

    Args:
        chips: to draw from.
        config: P and K.
        seed: of the run.
        epoch: of the run.
        processes: how many share each batch alike.
        told_apart: pairs of identities that are hard negatives: where one of them is drawn, so is
            the other, while there is room and it has groups left.

    Returns:
        arrays of P * K indices into ``chips``, the K of an identity side by side. P is smaller if
        there are fewer identities, or if ``processes`` could not share a batch alike; no batches if
        there is no such P from 2.
    """
    random = np.random.default_rng([seed, epoch])
    groups = {
        identity: identity_groups(members, config.chips, random)
        for identity, members in members_of(chips).items()
    }
    fitting = (count for count in range(min(config.identities, len(groups)), 1, -1))
    size = next((count for count in fitting if count * config.chips % processes == 0), 0)
    rivals = rivals_of(told_apart)
    batches = []
    while size and len(groups) >= size:
        drawn = random.choice(sorted(groups), size, replace=False).tolist()
        if rivals:
            drawn = beside_rivals(drawn, groups, rivals, random)
        batches.append(np.concatenate([groups[identity].pop() for identity in drawn]))
        groups = {identity: left for identity, left in groups.items() if left}
    return batches


def rivals_of(told_apart: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """The hard negatives of each identity that has some."""
    found: dict[str, list[str]] = {}
    for one, other in told_apart:
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


def beside_rivals(
    drawn: Sequence[str],
    groups: Collection[str],
    rivals: Mapping[str, Sequence[str]],
    random: np.random.Generator,
) -> list[str]:
    """As many identities as were drawn, each followed by one of its rivals that has groups left;
    the last ones drawn make room."""
    found: list[str] = []
    for name in drawn:
        if name in found:
            continue
        found.append(name)
        near = [one for one in rivals.get(name, ()) if one in groups and one not in found]
        if near:
            found.append(str(random.choice(near)))
    return found[: len(drawn)]


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


def pair_batches(
    scene: NDArray[np.int64],
    *,
    crops: int,
    size: int,
    same_scene: int,
    seed: Sequence[int],
    processes: int = 1,
) -> list[NDArray[np.int64]]:
    """The batches of one epoch of pairs, as rows of the store; the same for the same seed.

    Every pair comes ``max(crops, 1)`` times. Pairs of one scene come in groups, so that a batch
    holds negatives that look alike. Rows at the end that do not fill a batch are left out, unless
    there is no other batch.

    Args:
        scene: (pairs,) int64, the scene of each.
        crops: windows of each pair in an epoch; 0 for the whole image, once.
        size: pairs in a batch.
        same_scene: pairs in a group.
        seed: of the order.
        processes: how many share a batch alike; they must divide ``size``.

    Returns:
        arrays of ``size`` rows; if the epoch has fewer, one array of as many as the processes can
        share.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(np.repeat(np.arange(len(scene)), max(crops, 1)))
    if same_scene > 1:
        by_scene = rows[np.argsort(scene[rows], kind="stable")]
        starts = np.flatnonzero(np.diff(scene[by_scene], prepend=-1))
        groups = [
            part[first : first + same_scene]
            for part in np.split(by_scene, starts[1:])
            for first in range(0, len(part), same_scene)
        ]
        rows = np.concatenate([groups[place] for place in random.permutation(len(groups))])
    count = max(1, len(rows) // size)
    size = min(size, len(rows) // processes * processes)
    return [rows[batch * size : (batch + 1) * size] for batch in range(count)]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Where a batch of pairs is cut: a window of each row's optical and of its SAR image."""

    optical: list[Box]
    sar: list[Box]


def draw_windows(
    store: PairStore,
    rows: NDArray[np.int64],
    size: tuple[int, int],
    offset: int,
    random: np.random.Generator,
) -> Windows:
    """A window of ``size`` at random in each row's image, the SAR one moved by up to ``offset``
    pixels either way; the whole image where it is no larger than that."""
    room = store.shape[rows] - size
    corner = random.integers(0, room + 1)
    shifted = np.clip(corner + random.integers(-offset, offset + 1, corner.shape), 0, room)
    optical, sar = (
        [Box(int(top), int(left), *size) for top, left in places] for places in (corner, shifted)
    )
    return Windows(optical=optical, sar=sar)


def same_place(place: NDArray[np.int64], windows: Windows) -> NDArray[np.bool_]:
    """(pairs, pairs): which show the same place, and so are not each other's negatives.

    Pairs of one id do, unless they are windows that share no more than half of their area.

    Args:
        place: (pairs,), equal for pairs of one id.
        windows: of each pair.
    """
    same = place[:, None] == place[None, :]
    for one, other in np.argwhere(np.triu(same, 1)):
        near = windows.optical[one].overlap(windows.optical[other]) > SAME_PLACE
        same[one, other] = same[other, one] = near
    return np.asarray(same, dtype=np.bool_)
