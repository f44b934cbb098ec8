"""``python -m benchmarks load``: how many chips a second this machine loads and augments."""

from typing import Any

from benchmarks.options import add_common, add_sizes, add_workers, bench_parser, shrunk, workers_of
from crosswake.settings.parsing import Parser

QUICK = {"chips": 24, "batch": 8, "image_size": [32, 16], "repeats": 1, "workers": 0}


def make_parser() -> Parser:
    """The options."""
    parser = bench_parser(
        "load",
        "Time batches from the decoded store with the published augmentation, beside a DataLoader "
        "that decodes files; also the store, augmentation and pairs alone.",
    )
    add_sizes(parser, chips=512, batch=64)
    add_workers(parser)
    add_common(parser)
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = shrunk(make_parser().parse_words(words), QUICK)
    from benchmarks.loading import LoadSettings, bench_load
    from benchmarks.run_rank import report
    from crosswake.batches.devices import pick_device
    from crosswake.core.files import make_folder

    height, width = options.image_size
    settings = LoadSettings(
        data=options.data,
        chips=options.chips,
        batch=options.batch,
        image_size=(height, width),
        repeats=options.repeats,
        workers=workers_of(options),
        seed=options.seed,
        device=str(pick_device(options.device)),
    )
    make_folder(options.output)
    report(bench_load(settings, quiet=options.quiet), options.output)
    return 0
