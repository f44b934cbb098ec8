"""What images, their modality and the ship's size are turned into before the first block."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from crosswake.data.chips import Modality
from crosswake.settings.model import ModelConfig

LONGEST_PERIOD = 100.0


class PatchEmbed(nn.Module):
    """Turns an image into (batch, patches, width), row by row, by one convolution or a stack of
    them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        whole = nn.Conv2d(3, config.width, config.patch_size, config.stride)
        self.proj = whole if config.stem == "patch" else conv_stem(config.stride, config.width)

    def forward(self, images: Tensor) -> Tensor:
        """Embed (batch, 3, height, width)."""
        return torch.as_tensor(self.proj(images)).flatten(2).transpose(1, 2)


def conv_stem(stride: int, width: int) -> nn.Sequential:
    """3 x 3 convolutions that halve the image until a pixel is a patch (Xiao et al., NeurIPS 2021,
    section 4).

    Normalised over channels of each chip alone, not over the batch, so that chips do not depend on
    each other."""
    layers: list[nn.Module] = []
    channels = conv_channels(stride, width)
    for before, after in pairwise(channels):
        layers += [
            nn.Conv2d(before, after, 3, 2, padding=1, bias=False),
            nn.GroupNorm(1, after),
            nn.GELU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], width, 1))


def conv_channels(stride: int, width: int) -> list[int]:
    """Channels before the stem's first halving, and after each."""
    halvings = stride.bit_length() - 1
    return [3, *(max(16, width >> (halvings - step)) for step in range(1, halvings + 1))]


class SizeEmbed(nn.Module):
    """Ship size embedding, SSE (arXiv 2506.22027, section 4.2): three numbers of size to one
    token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(3, width)

    def forward(self, size: Tensor) -> Tensor:
        """(batch, 3) to (batch, 1, width)."""
        return torch.as_tensor(self.linear_layer(size)).unsqueeze(1)


def modality_embed(width: int) -> nn.Parameter:
    """Modality information embedding, MIE (section 4.2): (2, 1, width), small random numbers."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(2, 1, width), std=0.02))


def by_modality(
    optical: Callable[[Tensor], Tensor],
    sar: Callable[[Tensor], Tensor],
    images: Tensor,
    modality: Tensor,
    *,
    may_show_both: bool = True,
) -> Tensor:
    """Every image through the layers of its own modality; rows come back in the images' order.

    Each function sees the images of its modality only. Two cases show the whole batch to both and
    take what is right: an exported or compiled graph, which has to be the same for any mix; and
    training on one modality alone, where data-parallel training wants a gradient for all weights.

    Args:
        optical: layers for optical images.
        sar: layers for SAR images.
        images: (batch, 3, height, width).
        modality: (batch,) int64.
        may_show_both: False for layers that learn from whatever they are shown, as BatchNorm does.
    """
    # A graph cannot ask which modalities there are, so compiling is looked at first.
    fixed_graph = torch.compiler.is_compiling()
    may_show_both = may_show_both and torch.is_grad_enabled()
    if fixed_graph or (may_show_both and len(modality.unique()) == 1):
        shown = sar(images)
        is_sar = (modality == Modality.SAR).reshape(-1, *(1 for _ in shown.shape[1:]))
        return torch.where(is_sar, shown, optical(images))
    places = [(modality == kind).nonzero()[:, 0] for kind in (Modality.OPTICAL, Modality.SAR)]
    if not len(places[1]):
        return optical(images)
    if not len(places[0]):
        return sar(images)
    rows = torch.cat([optical(images[places[0]]), sar(images[places[1]])])
    return rows[torch.cat(places).argsort()]


def sine_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of row and column, as first values of the position embedding (Beyer et al.,
    arXiv 2205.01580).

    Small random values drown beside the patches, and a model without pretraining takes long to
    learn where things are. The longest period fits grids of a dozen patches.

    Returns:
        (rows * columns, width).
    """
    rows, columns = (
        axis.flatten() for axis in torch.meshgrid(*map(torch.arange, grid), indexing="ij")
    )
    count = max(width // 4, 1)
    frequency = LONGEST_PERIOD ** -(torch.arange(count) / count)
    angles = [axis[:, None] * frequency for axis in (rows, columns)]
    waves = torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1)
    return nn.functional.pad(waves, (0, width))[:, :width]
