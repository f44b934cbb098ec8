"""``bench load``: batches from the decoded store, with augmentation counted apart, beside the usual
loader."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import describe_machine, measure_limits
from benchmarks.made_chips import write_chips
from benchmarks.plain_training import ChipFiles, PlainLoader
from benchmarks.record import OURS, Bench
from benchmarks.timing import interleave
from benchmarks.turns import Ways, parts_of, rates_over
from crosswake.batches.augment import augment, draw_augmentation, step_generator
from crosswake.batches.prepare import normalise
from crosswake.batches.stores import ChipStore, PairStore, decode
from crosswake.core.boxes import Box
from crosswake.data.pairs import Pair
from crosswake.data.sources.open import open_reid
from crosswake.settings.train import AugmentConfig

PLAIN = "DataLoader"
STORE, AUGMENTATION, PAIRS = "store alone", "augmentation alone", "pair store alone"


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """What is loaded, and how often.

    Attributes:
        data: training chips; None for chips of noise.
        chips: how many of those are made.
        batch: chips in a batch.
        image_size: height and width in pixels.
        repeats: of every way, in turn.
        workers: of the usual loader.
        seed: of chips and order.
        device: where augmentation runs.
    """

    data: Path | None
    chips: int
    batch: int
    image_size: tuple[int, int]
    repeats: int
    workers: int
    seed: int = 0
    device: str = "cpu"


class Loading:
    """Every way to get a pass over the chips in batches.

    Args:
        store: the decoded chips.
        settings: what to measure.
        pairs: decoded pairs.
    """

    def __init__(self, store: ChipStore, settings: LoadSettings, pairs: PairStore) -> None:
        self.store, self.settings, self.pairs = store, settings, pairs
        self.augment, self.device = AugmentConfig(), torch.device(settings.device)
        files = ChipFiles(store.chips, [0] * len(store), settings.image_size, self.augment)
        self.loader = PlainLoader(files, settings.workers)

    def batches(self, size: int) -> list[Tensor]:
        """All chips in random order, in whole batches."""
        order = torch.randperm(len(self.store), generator=step_generator(self.settings.seed))
        return list(order[: len(order) // size * size].split(size))

    def ways(self, size: int) -> Ways:
        """Ours, and the usual loader, with the published augmentation."""
        batches = self.batches(size)
        words = [batch.tolist() for batch in batches]
        return {
            OURS: lambda: [
                self.augmented(self.store.take(batch), step) for step, batch in enumerate(batches)
            ][-1],
            PLAIN: lambda: list(self.loader.passes(words))[-1],
        }

    def parts(self, size: int) -> Ways:
        """What ours is made of; and as many windows of pairs, two chips each."""
        batches = self.batches(size)
        picked = self.store.take(batches[0])
        box = [Box(0, 0, *self.settings.image_size)] * (size // 2)
        rows = [(batch[: size // 2] % len(self.pairs)).tolist() for batch in batches]

        def every(work: Callable[[int], object]) -> Callable[[], None]:
            def all_steps() -> None:
                for step in range(len(batches)):
                    work(step)

            return all_steps

        return {
            STORE: every(lambda step: self.store.take(batches[step])),
            AUGMENTATION: every(lambda step: self.augmented(picked, step)),
            PAIRS: every(lambda step: self.pairs.windows(rows[step], box, box)),
        }

    def augmented(self, pictures: Tensor, step: int) -> Tensor:
        """One batch, augmented on the device as in training."""
        generator = step_generator(self.settings.seed, step)
        plan = draw_augmentation(
            len(pictures), self.settings.image_size, self.augment, generator, self.device
        )
        images = augment(pictures.to(self.device), plan.to(self.device), self.augment.pad)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return images

    def agreement(self) -> dict[str, float]:
        """How far pixels are apart without augmentation."""
        index = self.batches(min(self.settings.batch, len(self.store)))[0]
        files = ChipFiles(self.store.chips, [0] * len(self.store), self.settings.image_size, None)
        ((images, *_),) = PlainLoader(files, 0).passes([index.tolist()])
        return {
            "normalised pixels": float((normalise(self.store.take(index)) - images).abs().max())
        }


def bench_load(settings: LoadSettings, *, quiet: bool = True) -> Bench:
    """Time a pass over all chips: ours from the decoded store, and a loader of worker processes
    from the files."""
    with TemporaryDirectory() as folder:
        data = settings.data or write_chips(
            Path(folder) / "chips", settings.chips, seed=settings.seed
        )
        chips = open_reid(data).require_train()
        store = decode(chips, settings.image_size, interpolation="bicubic", quiet=quiet)
        loading = Loading(store, settings, made_pairs(settings))
        return measured(loading, quiet)


def measured(loading: Loading, quiet: bool) -> Bench:
    """Warm up, time, and draw the curves."""
    settings = loading.settings
    size = min(settings.batch, len(loading.store))
    ways, parts = loading.ways(size), loading.parts(size)
    for way in (*ways.values(), *parts.values()):
        way()
    timings = interleave({**ways, **parts}, repeats=settings.repeats, quiet=quiet)
    count = sum(map(len, loading.batches(size)))
    picture = 3 * settings.image_size[0] * settings.image_size[1]
    curves = rates_over(
        parts_of(size), loading.ways, lambda batch: sum(map(len, loading.batches(batch)))
    )
    what = "chips of noise" if settings.data is None else f"chips of {settings.data.name}"
    height, width = settings.image_size
    return Bench(
        name="load",
        measured_on=f"{len(loading.store):,} {what}, batches of {size}; {height} x {width}",
        settings=asdict(settings),
        machine=describe_machine(settings.device),
        limits=measure_limits(settings.device),
        timings={name: timings[name] for name in ways},
        flops=0.0,
        bytes=float(
            count * picture * (1 + 1 + 1 + 4)
        ),  # copied out, then read and written as float32
        agreement=loading.agreement(),
        scaling_over="chips in a batch",
        scaling=curves,
        scaling_of="chips a second",
        chips=count,
        parts={name: timings[name] for name in parts},
    )


def made_pairs(settings: LoadSettings) -> PairStore:
    """Pairs of noise, half as many as chips."""
    count, (height, width) = max(settings.chips // 2, 1), settings.image_size
    random = np.random.default_rng(settings.seed)
    rows = np.arange(count)
    names = [f"{row}" for row in rows]
    size = 4 * height * width
    return PairStore(
        pairs=tuple(
            Pair(optical=Path(name), sar=Path(name), id=name, source="noise") for name in names
        ),
        pixels=random.integers(0, 256, count * size, dtype=np.uint8),
        start=rows * size,
        shape=np.tile([height, width], (count, 1)),
        depth=np.ones((count, 2), np.int64),
        sar="max",
        place=rows,
        scene=rows,
        digest="",
        bad_files=(),
    )
