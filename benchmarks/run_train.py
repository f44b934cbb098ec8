"""``python -m benchmarks train``: what a training step costs on this machine."""

from typing import Any, Literal

from benchmarks.options import add_common, add_sizes, add_workers, shrunk, workers_of
from crosswake.settings.parsing import Parser

QUICK = {
    "chips": 48,
    "batch": 16,
    "image_size": [32, 16],
    "width": 64,
    "depth": 2,
    "steps": 2,
    "repeats": 1,
}
QUICK |= {"workers": 0}


def make_parser() -> Parser:
    """The options of ``python -m benchmarks train``."""
    from jsonargparse.typing import PositiveInt

    parser = Parser(
        "bench train",
        "Time training steps beside the usual loop, which decodes and transforms files in worker "
        "processes every epoch "
        "and moves weights one by one. Writes bench-train.json and bench-train.png.",
    )
    parser.add_argument(
        "--config", type=str, default="hoss_transoss", help="recipe name or YAML file of settings"
    )
    add_sizes(parser, chips=128, batch=32)
    parser.add_argument(
        "--width", type=PositiveInt | None, help="of a token, 64 a head (default: the recipe's)"
    )
    parser.add_argument("--depth", type=PositiveInt | None, help="blocks (default: the recipe's)")
    parser.add_argument("--steps", type=PositiveInt, default=2, help="of a repeat")
    parser.add_argument(
        "--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of our step"
    )
    parser.add_argument("--compile", type=bool, default=False, help="torch.compile in our step")
    parser.add_argument(
        "--recompute_blocks", type=bool, default=False, help="gradient checkpointing in our step"
    )
    parser.add_argument(
        "--channels_last", type=bool, default=False, help="in our convolutional stem"
    )
    add_workers(parser)
    parser.add_argument("--alone", action="store_true", help="ours only, without curves")
    add_common(parser)
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = shrunk(make_parser().parse_words(words), QUICK)
    from benchmarks.run_rank import report
    from benchmarks.training import TrainSettings, bench_train
    from crosswake.core.files import make_folder

    settings = TrainSettings(
        config=settings_of(options),
        chips=options.chips,
        steps=options.steps,
        repeats=options.repeats,
        workers=workers_of(options),
        alone=options.alone,
    )
    make_folder(options.output)
    report(bench_train(settings, quiet=options.quiet), options.output)
    return 0


def settings_of(options: Any) -> Any:
    """The recipe's settings with the sizes given."""
    from crosswake.core.errors import CrosswakeError
    from crosswake.settings.parsing import parse
    from crosswake.settings.train import TrainConfig

    recipe = parse(TrainConfig, "train", ["--config", options.config])
    identities = options.batch // recipe.batch.chips
    if identities * recipe.batch.chips != options.batch:
        raise CrosswakeError(
            f"--batch: {options.batch} is no multiple of the recipe's {recipe.batch.chips} an "
            "identity"
        )
    words = [f"--model.image_size={list(options.image_size)}", f"--batch.identities={identities}"]
    if options.width is not None:
        words += [f"--model.width={options.width}", f"--model.heads={max(1, options.width // 64)}"]
    words += [] if options.depth is None else [f"--model.depth={options.depth}"]
    words += [] if options.data is None else [f"--data={options.data}"]
    for name in ("precision", "compile", "recompute_blocks", "channels_last", "seed", "device"):
        words.append(f"--{name}={str(getattr(options, name)).lower()}")
    words += ["--validation.fraction=0", "--evaluate=false", "--quiet"]
    return parse(TrainConfig, "train", ["--config", options.config, *words])
