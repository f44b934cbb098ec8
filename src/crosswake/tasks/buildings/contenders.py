"""The models that are compared with the contest's published table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crosswake.core.errors import CrosswakeError
from crosswake.settings.buildings_reproduce import BuildingsReproduceConfig
from crosswake.settings.buildings_train import BuildingsTrainConfig
from crosswake.settings.parsing import parse

RGB, BOTH = ("--modalities=rgb",), ("--modalities=both",)
STACKED_WORDS = (*BOTH, "--model.fusion=stacked")
UNDROPPED = ("--augment.drop_optical=0", "--augment.drop_sar=0")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One model of the table.

    Attributes:
        name: of its folder, and for ``--only``.
        title: for people.
        recipe: that it is trained by; with ``_small`` for baselines of the small budget.
        words: options that differ from it.
        parts: two other contenders whose buildings and heights are put together, in place of a
            model of its own.
        published: figures of the contest's validation set, in percent; empty for ours.
    """

    name: str
    title: str
    recipe: str = ""
    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    published: Mapping[str, float] = field(default_factory=dict)


OURS = (
    Contender(name="ours_rgb", title="ours, RGB", recipe="buildings_ours", words=RGB),
    Contender(
        name="ours_stacked",
        title="ours, RGB and SAR stacked",
        recipe="buildings_ours",
        words=(*STACKED_WORDS, *UNDROPPED),
    ),
    Contender(name="ours_both", title="ours, RGB and SAR", recipe="buildings_ours", words=BOTH),
)


def baseline(name: str, words: tuple[str, ...], published: Mapping[str, float]) -> Contender:
    """Mask R-CNN."""
    images = "RGB" if words == RGB else "RGB and SAR stacked"
    return Contender(
        name=name,
        title=f"Mask R-CNN, {images}",
        recipe="buildings_mask_rcnn",
        words=words,
        published=published,
    )


CONTENDERS: Mapping[int, tuple[Contender, ...]] = {
    1: (
        baseline("mask_rcnn_rgb", RGB, {"mAP": 16.3, "AP50": 28.1}),
        baseline("mask_rcnn_stacked", STACKED_WORDS, {"mAP": 10.7, "AP50": 19.9}),
        *OURS,
    ),
    2: (
        baseline("mask_rcnn_rgb", RGB, {"mAP": 22.8, "AP50": 49.1}),
        baseline("mask_rcnn_stacked", STACKED_WORDS, {"mAP": 18.6, "AP50": 43.6}),
        Contender(
            name="height_net",
            title="height network, RGB and SAR stacked",
            recipe="buildings_height_net",
            words=STACKED_WORDS,
        ),
        Contender(
            name="baseline_both",
            title="Mask R-CNN with the height network, RGB and SAR stacked",
            parts=("mask_rcnn_stacked", "height_net"),
            published={
                "mAP": 15.1,
                "AP50": 41.1,
                "delta_1": 30.1,
                "delta_2": 35.3,
                "delta_3": 39.6,
            },
        ),
        *OURS,
    ),
}
"""By track, with the figures that the contest published for its validation set. There, one network
gave buildings and heights; its code is not public, so that two networks stand in for it here."""
REFERENCE_MODEL = "ours_both"
"""The model that all others are compared with."""


def chosen_contenders(config: BuildingsReproduceConfig) -> tuple[Contender, ...]:
    """The models to compare.

    Raises:
        CrosswakeError: ``--only`` names one that there is not.
    """
    known = CONTENDERS[config.track]
    names = [one.name for one in known]
    for name in config.only:
        if name not in names:
            raise CrosswakeError(f"--only: no model '{name}'; there are: {', '.join(names)}")
    chosen = [one for one in known if not config.only or one.name in config.only]
    there = {one.name for one in chosen}
    return tuple(one for one in chosen if set(one.parts) <= there)


def run_settings(
    config: BuildingsReproduceConfig, contender: Contender, seed: int
) -> BuildingsTrainConfig:
    """The settings of one contender's run, which goes on if it was begun."""
    small = config.budget == "small" and contender.recipe != "buildings_ours"
    recipe = contender.recipe + ("_small" if small else "")
    output = config.output / f"{contender.name}-{seed}"
    options = {
        "config": recipe,
        "data": config.data,
        "output": output,
        "track": config.track,
        "seed": seed,
        "device": config.device,
        "precision": config.precision,
        "cache": config.output / "decoded",
        "evaluate": "false",
        "quiet": str(config.quiet).lower(),
        "strict": str(config.strict).lower(),
        "resume": str((output / "last.pt").exists()).lower(),
    }
    words = {f"--{name}": str(value) for name, value in options.items()}
    for word in (*contender.words, *(f"--{one}" for one in config.change)):
        name, _, value = word.partition("=")
        words[name] = value
    spelt = [f"{name}={value}" for name, value in words.items()]
    return parse(BuildingsTrainConfig, BuildingsTrainConfig.command, spelt)
