"""Settings of training and pretraining as the command line spells them."""

from crosswake.settings.buildings_train import BuildingsTrainConfig
from crosswake.settings.parsing import parse
from crosswake.settings.pretrain import PretrainConfig
from crosswake.settings.train import TrainConfig


def parse_training(words: list[str]) -> TrainConfig:
    return parse(TrainConfig, "train", override(words))


def parse_pretraining(words: list[str]) -> PretrainConfig:
    return parse(PretrainConfig, "pretrain", override(words))


def parse_buildings(words: list[str]) -> BuildingsTrainConfig:
    return parse(BuildingsTrainConfig, "buildings train", override(words))


def override(words: list[str]) -> list[str]:
    """The words with only the last of every ``--name=value`` and ``--name value``, for a test that
    changes some of a list of options."""
    options: dict[str, list[str]] = {}
    name = ""
    for place, word in enumerate(words):
        name = word.partition("=")[0] if word.startswith("--") else name or f"word {place}"
        if word.startswith("--"):
            options[name] = [word]
        else:
            options.setdefault(name, []).append(word)
    return [word for given in options.values() for word in given]
