"""Every command: where its settings and its code are, and what it does."""

import difflib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from crosswake import __version__
from crosswake.core.errors import CrosswakeError


@dataclass(frozen=True)
class Command:
    """One command. Settings and code are named, not imported, so that help answers at once.

    Attributes:
        settings: ``module:Class`` of the dataclass that the options are made from.
        module: has ``run(settings) -> exit code``.
        summary: what the command does, in one line.
    """

    settings: str
    module: str
    summary: str

    def settings_class(self) -> type:
        """The dataclass of the settings."""
        module, _, name = self.settings.partition(":")
        kind: type = getattr(importlib.import_module(module), name)
        return kind


SETTINGS, CLI = "crosswake.settings", "crosswake.cli"
COMMANDS = {
    "simulate": Command(
        f"{SETTINGS}.data:SimulateConfig",
        f"{CLI}.simulate",
        "make a fleet of simulated ships in the HOSS ReID layout",
    ),
    "data check": Command(
        f"{SETTINGS}.data:CheckConfig",
        f"{CLI}.data_check",
        "verify a data set, count it, draw a contact sheet",
    ),
    "data download": Command(
        f"{SETTINGS}.data:DownloadConfig",
        f"{CLI}.data_download",
        "fetch a data set or weights by name",
    ),
    "data pairs": Command(
        f"{SETTINGS}.pairs:PairsConfig",
        f"{CLI}.data_pairs",
        "build the optical-SAR pairs that pretraining reads",
    ),
    "pretrain": Command(
        f"{SETTINGS}.pretrain:PretrainConfig",
        f"{CLI}.pretrain",
        "learn from optical-SAR pairs of places what both sensors show",
    ),
    "train": Command(
        f"{SETTINGS}.train:TrainConfig", f"{CLI}.train", "train a re-identification model"
    ),
    "probe": Command(
        f"{SETTINGS}.evaluate:ProbeConfig",
        f"{CLI}.probe",
        "measure how well a model's features show the terrain of pairs",
    ),
    "evaluate": Command(
        f"{SETTINGS}.evaluate:EvaluateConfig",
        f"{CLI}.evaluate",
        "measure a model by the published protocols, with a report",
    ),
    "embed": Command(
        f"{SETTINGS}.embed:EmbedConfig",
        f"{CLI}.embed",
        "embed a folder, table or list of images into one Parquet file",
    ),
    "search": Command(
        f"{SETTINGS}.search:SearchConfig",
        f"{CLI}.search",
        "find the chips of an archive that look most like a chip",
    ),
    "calibrate": Command(
        f"{SETTINGS}.calibrate:CalibrateConfig",
        f"{CLI}.calibrate",
        "learn what a similarity is worth as a probability",
    ),
    "gallery evaluate": Command(
        f"{SETTINGS}.calibrate:GalleryEvaluateConfig",
        f"{CLI}.gallery_evaluate",
        "measure what each kind of evidence is worth",
    ),
    "gallery create": Command(
        f"{SETTINGS}.gallery:CreateConfig",
        f"{CLI}.gallery_create",
        "make an empty gallery for the embeddings of one model",
    ),
    "gallery add": Command(
        f"{SETTINGS}.gallery:AddConfig",
        f"{CLI}.gallery_add",
        "add sightings to a gallery: images, tables, archives, embeddings",
    ),
    "gallery info": Command(
        f"{SETTINGS}.gallery:InfoConfig",
        f"{CLI}.gallery_info",
        "say what a gallery holds",
    ),
    "gallery search": Command(
        f"{SETTINGS}.gallery_search:GallerySearchConfig",
        f"{CLI}.gallery_search",
        "ask a gallery where a ship has been seen, with evidence",
    ),
    "gallery judge": Command(
        f"{SETTINGS}.gallery:JudgeConfig",
        f"{CLI}.gallery_judge",
        "say whether two sightings are one ship; undo; write all to a file",
    ),
    "gallery index": Command(
        f"{SETTINGS}.gallery:IndexConfig",
        f"{CLI}.gallery_index",
        "index a large gallery, and measure what the index finds",
    ),
    "gallery export": Command(
        f"{SETTINGS}.gallery:GalleryExportConfig",
        f"{CLI}.gallery_export",
        "write sightings for other programs and maps",
    ),
    "gallery compact": Command(
        f"{SETTINGS}.gallery:CompactConfig",
        f"{CLI}.gallery_compact",
        "put a gallery's small files together, drop earlier states",
    ),
    "gallery delete": Command(
        f"{SETTINGS}.gallery:DeleteConfig",
        f"{CLI}.gallery_delete",
        "remove sightings from a gallery",
    ),
    "export": Command(
        f"{SETTINGS}.export:ExportConfig",
        f"{CLI}.export",
        "write a model as ONNX or PyTorch program, checked against PyTorch",
    ),
    "buildings train": Command(
        f"{SETTINGS}.buildings_train:BuildingsTrainConfig",
        f"{CLI}.buildings_train",
        "learn buildings, roof types or heights from tiles",
    ),
    "buildings score": Command(
        f"{SETTINGS}.buildings_score:BuildingsScoreConfig",
        f"{CLI}.buildings_score",
        "score a submission to the DFC23 contest, with intervals and a report",
    ),
    "buildings check": Command(
        f"{SETTINGS}.buildings:BuildingsCheckConfig",
        f"{CLI}.buildings_check",
        "verify building tiles and their outlines, or a submission",
    ),
    "buildings simulate": Command(
        f"{SETTINGS}.buildings_simulate:BuildingsSimulateConfig",
        f"{CLI}.buildings_simulate",
        "make simulated tiles of towns in the layout of DFC23, with references",
    ),
    "buildings predict": Command(
        f"{SETTINGS}.buildings_predict:BuildingsPredictConfig",
        f"{CLI}.buildings_predict",
        "find buildings and heights on tiles, as a submission and as maps",
    ),
    "buildings reproduce": Command(
        f"{SETTINGS}.buildings_reproduce:BuildingsReproduceConfig",
        f"{CLI}.buildings_reproduce",
        "train the contest's baselines and ours, beside the published table",
    ),
    "completion": Command(
        f"{SETTINGS}.completion:CompletionConfig",
        f"{CLI}.completion",
        "print a script that lets bash or zsh complete commands and options",
    ),
}


def find_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """The longest command name that ``words`` begin with, and the words after it.

    Raises:
        CrosswakeError: there is none; the message says the nearest.
    """
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, list(words[count:])
    group = group_members(words[0])
    given = " ".join(words[:2]) if group else words[0]
    first = [word for word in words[:2] if not word.startswith("-")]
    meant = nearest_command(words[1:2] if group else [words[0], " ".join(first)], group)
    there = ", ".join(group or COMMANDS)
    advice = f"did you mean {meant}?" if meant else f"there are: {there}"
    what = "option" if given.startswith("-") else "command"
    raise CrosswakeError(f"no {what} '{given}'; {advice} (crosswake --help)")


def nearest_command(spellings: Sequence[str], group: Sequence[str]) -> str:
    """The command, of a group if one is given, or the option of ``crosswake`` itself that is spelt
    most like one of ``spellings``, in whole or in its last word; nothing where none is."""
    names = group or [*COMMANDS, "--version", "--help", "--debug"]
    spelt: dict[str, list[str]] = {}
    for name in names:
        for words in {name, name.rpartition(" ")[2]} if not group else {name.rpartition(" ")[2]}:
            spelt.setdefault(words, []).append(name)
    for word in spellings:
        if near := difflib.get_close_matches(word.lower(), spelt, n=1, cutoff=0.65):
            found = spelt[near[0]]
            return near[0] if near[0] in found else " or ".join(sorted(found))
    return ""


def group_members(group: str) -> list[str]:
    """The commands of a group: ``data check`` and the others of ``data``."""
    return [name for name in COMMANDS if name.startswith(f"{group} ")]


def help_text(group: str = "") -> str:
    """What ``crosswake --help`` prints, or ``crosswake GROUP --help``."""
    names = group_members(group) if group else COMMANDS
    usage = " ".join(["usage: crosswake", *filter(None, [group]), "COMMAND [options]"])
    return "\n".join(
        [
            f"crosswake {__version__}: recognise the same ship in optical and SAR satellite images",
            "",
            f"{usage}    (crosswake help COMMAND for its options)",
            "",
            *(f"  {name:<21}{COMMANDS[name].summary}" for name in names),
            "",
            "  --version            print the version",
            "  --debug              with any command: a traceback on errors",
        ]
    )
