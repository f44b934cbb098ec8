"""From maps of all strides to the two branches, outlines and heights, that tell each other."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.models.buildings.encoders import conv_norm


class Branches(NamedTuple):
    """What heads see, each (batch, channels, height / 2, width / 2).

    Attributes:
        outlines: of the branch for masks and classes.
        heights: of the branch for heights; None in a model without.
    """

    outlines: Tensor
    heights: Tensor | None


class Decoder(nn.Module):
    """A feature pyramid from the coarsest map to a stride of 4 (Lin et al., CVPR 2017), where the
    branches part, exchange what they know once, and go on to a stride of 2.

    The exchange adds to each branch a projection of the other, as LIGHT does (arXiv 2304.01090,
    section 3), but once and by one layer.

    Args:
        channels: of the maps, from a stride of 2 on.
        widths: of the decoder at each of these strides.
        heights: whether there is a branch for heights.
    """

    def __init__(self, channels: list[int], widths: list[int], heights: bool) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Conv2d(before, after, 1) for before, after in zip(channels, widths, strict=True)
        )
        width = widths[-1]
        self.context = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.mix = nn.ModuleList(conv_norm(width, width) for _ in widths[1:])
        self.outlines = conv_norm(width, width)
        self.outlines_fine = Finer(width, widths[0])
        self.heights = self.heights_fine = None
        if heights:
            self.heights = conv_norm(width, width)
            self.heights_fine = Finer(width, widths[0])
            self.to_heights = nn.Conv2d(width, width, 1)
            self.to_outlines = nn.Conv2d(width, width, 1)

    def forward(self, maps: list[Tensor]) -> Branches:
        """Both branches of the maps."""
        laterals = [layer(one) for layer, one in zip(self.lateral, maps, strict=True)]
        top = laterals[-1]
        merged = top + self.context(top.mean((2, 3)))[:, :, None, None]
        merged = self.mix[-1](merged)
        for layer, lateral in zip(self.mix[-2::-1], laterals[-2:0:-1], strict=True):
            merged = layer(lateral + doubled(merged))
        outlines = self.outlines(merged)
        if self.heights is None or self.heights_fine is None:
            return Branches(self.outlines_fine(outlines, laterals[0]), None)
        heights = self.heights(merged)
        told, telling = outlines + self.to_outlines(heights), heights + self.to_heights(outlines)
        return Branches(
            self.outlines_fine(told, laterals[0]), self.heights_fine(telling, laterals[0])
        )


class Finer(nn.Module):
    """From a stride of 4 to one of 2, with the map of that stride."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, after, 1)
        self.mix = conv_norm(after, after)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(batch, after, height, width) of the finer map."""
        return torch.as_tensor(self.mix(fine + doubled(self.squeeze(coarse))))


def doubled(maps: Tensor) -> Tensor:
    """Twice the size, bilinearly."""
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
