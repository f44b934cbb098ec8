"""Options that are settings: recipes by name, and a resumed run's own."""

from pathlib import Path
from typing import TypeVar

import yaml

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import recipe_path
from crosswake.settings.parsing import Parser
from crosswake.settings.run import RunConfig

C = TypeVar("C", bound=RunConfig)


def make_settings_parser(kind: type[C], description: str) -> Parser:
    """The parser of all settings of a kind of run."""
    parser = Parser(kind.command, description)
    parser.add_argument(
        "--config", action="config", help="recipe name or YAML file; options after it win"
    )
    parser.add_class_arguments(kind, as_group=False)
    return parser


def parse_settings(kind: type[C], parser: Parser, words: list[str]) -> C:
    """Options as checked settings."""
    resolved = with_recipe_paths(with_own_settings(words))
    require_settings(
        option(resolved, "--config"), "--config" if option(words, "--config") else "--resume"
    )
    try:
        parsed = parser.parse_words(resolved)
    except CrosswakeError as error:
        recipe = option(words, "--config")
        if recipe is None or "does not accept" not in str(error):
            raise
        raise CrosswakeError(
            f"--config: is {recipe} meant for crosswake {kind.command}? {error}"
        ) from error
    parsed.pop("config")
    return kind(**vars(parser.instantiate(parsed)))


def require_settings(path: str | None, named_by: str) -> None:
    """Raise one line unless the file holds settings, for the parser's own complaint names neither
    option nor file."""
    if path is None:
        return
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        content = ""
    if not isinstance(content, dict):
        raise CrosswakeError(
            f"{named_by}: {path} is no YAML file of settings; mend it, or name another --config"
        )


def with_recipe_paths(words: list[str]) -> list[str]:
    """The words with recipe names after ``--config`` replaced by their files."""
    name = option(words, "--config")
    if name is None:
        return words
    path = str(recipe_path(name))
    return [
        path if word == name else word.replace(f"--config={name}", f"--config={path}")
        for word in words
    ]


def with_own_settings(words: list[str]) -> list[str]:
    """With ``--resume`` and no ``--config``, the settings that the run in ``--output`` was started
    with."""
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
