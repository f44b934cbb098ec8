"""``crosswake train``: settings from a recipe, a file or options; then the loop, then the measurement."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.cli.parsing import Parser
from crosswake.config import TrainConfig, recipe_path
from crosswake.errors import CrosswakeError

if TYPE_CHECKING:
    from crosswake.datasets.reid import ReidData

DESCRIPTION = """Train a re-identification model. --config takes a recipe by name (hoss_transoss is the published one)
or a YAML file; every setting can be given as an option, and --print_config shows them all."""


def make_parser() -> Parser:
    """The parser of all settings of training."""
    parser = Parser("train", DESCRIPTION)
    parser.add_argument("--config", action="config", help="recipe name or YAML file; options after it win")
    parser.add_class_arguments(TrainConfig, as_group=False)
    return parser


def parse(words: list[str]) -> TrainConfig:
    """Options as checked settings."""
    words = with_recipe_paths(with_own_settings(words))
    parser = make_parser()
    parsed = parser.parse_words(words)
    parsed.pop("config")
    return TrainConfig(**vars(parser.instantiate(parsed)))


def with_recipe_paths(words: list[str]) -> list[str]:
    """The words with recipe names after ``--config`` replaced by their files."""
    name = option(words, "--config")
    if name is None:
        return words
    path = str(recipe_path(name))
    return [path if word == name else word.replace(f"--config={name}", f"--config={path}") for word in words]


def with_own_settings(words: list[str]) -> list[str]:
    """With ``--resume`` and no ``--config``, the settings that the run in ``--output`` was started with."""
    if "--config" in words or not {"--resume", "--resume=true"} & set(words):
        return words
    output = option(words, "--output")
    if output is None:
        raise CrosswakeError("--resume: say which run with --output FOLDER")
    settings = Path(output) / "settings.yaml"
    return ["--config", str(settings), *words] if settings.is_file() else words


def option(words: list[str], name: str) -> str | None:
    """The value given to an option, if any."""
    for index, word in enumerate(words):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name and index + 1 < len(words):
            return words[index + 1]
    return None


def run(words: list[str]) -> int:
    """Train, then measure the best epoch on the test split if there is one."""
    config = parse(words)
    from crosswake.training.reid import ReidJob, train

    finished = train(config)
    data = finished.job.data if isinstance(finished.job, ReidJob) else None
    if config.evaluate and finished.first_process and data and data.query and data.gallery:
        measure(config, data)
    return 0


def measure(config: TrainConfig, data: "ReidData") -> None:
    """Write numbers and report of the best epoch on the test split into the run's folder, and print them."""
    from crosswake.cli.evaluate import print_summary
    from crosswake.evaluation.runner import evaluate_model
    from crosswake.models.embedder import load

    embedder = load(config.output / "best.pt", device=config.device, precision=config.precision)
    evaluation = evaluate_model(
        embedder, data, config.output, seed=config.seed, strict=config.strict, quiet=config.quiet
    )
    print_summary(evaluation, config.output)
