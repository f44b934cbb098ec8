"""Which losses the chips cannot feed: said, or refused, before anything is decoded."""

from collections import Counter

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.reid import Chips, cross_modal_identities
from crosswake.settings.train import TrainConfig

ACROSS = ("contrastive", "alignment", "structure")
"""Losses between an identity's optical and its SAR chips; 0 without an identity that has both."""


def unfed_losses(config: TrainConfig, chips: Chips, held_out: Chips) -> list[str]:
    """A line for every loss with a weight that has nothing to learn from.

    Args:
        config: weights of the losses.
        chips: to learn from.
        held_out: for validation.

    Raises:
        CrosswakeError: no loss is left to learn from.
    """
    loss, lines = config.loss, []
    if not cross_modal_identities(chips):
        elsewhere = len(cross_modal_identities(held_out))
        why = "no identity to learn from has chips of both modalities"
        if elsewhere:
            why += f", for {elsewhere} are held out (--validation.fraction)"
        if not loss.identity + loss.metric:
            raise CrosswakeError(
                f"--loss.contrastive: {why}, so nothing would be learnt; set --loss.metric or "
                "--loss.identity"
            )
        own = ACROSS if config.model.method == "sdf_net" else ACROSS[:2]
        unfed = [f"--loss.{name}" for name in own if getattr(loss, name)]
        rest = "" if loss.metric else ", and --loss.metric to 1 in its place"
        lines += [f"{name} will be 0: {why}; set it to 0{rest}" for name in unfed]
    if loss.metric and max(Counter(chip.identity for chip in chips).values()) == 1:
        lines.append(
            f"--loss.metric will compare each chip with copies of itself: all "
            f"{counted(len(chips), 'identity')} have a single chip; set it to 0, or add chips"
        )
    return lines
