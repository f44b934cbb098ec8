"""Encoders: an image to maps at strides of 2, 4, 8 and so on, by timm's networks or our ViT."""

from itertools import pairwise
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.prepare import IMAGENET_MEAN, IMAGENET_STD
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.models.backbones.vit import Vit, initialise
from crosswake.models.checkpoints import resize_positions
from crosswake.settings.building_model import BuildingModelConfig

FINE = 16
"""Channels of the first layer at full size."""


def conv_norm(before: int, after: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution, a BatchNorm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def smaller_images(images: Tensor, factor: int) -> Tensor:
    """Images so many times smaller, by means over squares; of SAR, that is fewer, clearer looks."""
    return images if factor == 1 else F.avg_pool2d(images, factor)


class ConvEncoder(nn.Module):
    """A convolutional network of timm's, under timm's names below ``net``.

    Args:
        config: with backbone, shrink and cut.
        mean: of each channel of the images; its length says how many channels there are.
        std: likewise.
        coarse: see the image so many times smaller, and have no map that is finer than those of the
            network; None for what ``shrink`` says and a first layer at a stride of 2.

    Attributes:
        strides: of the maps, in pixels of the image.
        channels: of the maps.
    """

    def __init__(
        self,
        config: BuildingModelConfig,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        coarse: int | None = None,
    ) -> None:
        super().__init__()
        self.shrink = coarse or config.shrink
        self.net, strides = timm_features(config.backbone, config.cut, len(mean))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.strides = [stride * self.shrink for stride in strides]
        self.channels = list(self.net.feature_info.channels())
        self.fine = None if coarse else fine_layer(self.strides, len(mean))
        if self.fine is not None:
            self.strides.insert(0, 2)
            self.channels.insert(0, FINE)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps of (batch, channels, height, width)."""
        images = (images - self.mean[:, None, None]) / self.std[:, None, None]
        images = images.contiguous(memory_format=torch.channels_last)
        maps = list(self.net(smaller_images(images, self.shrink)))
        return maps if self.fine is None else [self.fine(images), *maps]


def fine_layer(strides: list[int], channels: int) -> nn.Sequential | None:
    """A first layer at a stride of 2, where the network has no map so fine."""
    if strides[0] == 2:
        return None
    return nn.Sequential(conv_norm(channels, FINE, 3, 2), conv_norm(FINE, FINE))


def timm_features(name: str, cut: int, channels: int) -> tuple[Any, list[int]]:
    """A timm network that gives the maps of its stages up to the stride ``cut``, and their strides.

    Raises:
        CrosswakeError: timm has no such network, or it has no such maps.
    """
    if not timm.is_model(name):
        raise CrosswakeError(f"--model.backbone: timm has no model '{name}'")
    try:
        with torch.device("meta"):
            whole = cast(Any, timm.create_model(name, features_only=True, feature_cls="getter"))
        strides = whole.feature_info.reduction()
        chosen = [index for index, stride in enumerate(strides) if stride <= cut]
        net = cast(
            Any,
            timm.create_model(
                name,
                features_only=True,
                feature_cls="getter",  # leaves out the stages after the last one
                out_indices=chosen,
                in_chans=channels,
            ),
        )
    except (RuntimeError, AttributeError, AssertionError, TypeError, ValueError) as error:
        raise CrosswakeError(f"--model.backbone: {name} has no maps of stages") from error
    found = [strides[index] for index in chosen]
    if not found or any(b != 2 * a for a, b in pairwise(found)):
        raise CrosswakeError(
            f"--model.backbone: the stages of {name} have the strides {strides}, which do not "
            "double; take another"
        )
    return net, found


class VitEncoder(nn.Module):
    """Our ViT, shared by both modalities, with a simple feature pyramid (Li et al., ECCV 2022,
    section 3): maps of all strides from the last one alone."""

    def __init__(self, config: BuildingModelConfig) -> None:
        super().__init__()
        self.base = Vit(config.vit_config())
        self.base.apply(initialise)
        self.base.draw_tokens()
        self.shrink, self.patch = config.shrink, config.patch_size
        deepest = self.patch * self.shrink
        self.strides = [2]
        while self.strides[-1] < deepest:
            self.strides.append(2 * self.strides[-1])
        width = config.vit_width
        self.channels = [FINE]
        self.pyramid = nn.ModuleList()
        self.fine = nn.ModuleList(
            nn.Sequential(conv_norm(3, FINE, 3, 2), conv_norm(FINE, FINE)) for _ in Modality
        )
        for stride in self.strides[1:]:
            halvings = (deepest // stride).bit_length() - 1
            after = max(32, width >> halvings)
            self.channels.append(after)
            self.pyramid.append(pyramid_level(width, after, halvings))

    def freeze(self, kind: Modality) -> None:
        """Leave the first layers of a modality that is not seen out of training."""
        embed = self.base.patch_embed_SAR if kind is Modality.SAR else self.base.patch_embed
        for part in (embed, self.fine[int(kind)]):
            part.requires_grad_(False)

    def forward(self, images: Tensor, kind: Modality) -> list[Tensor]:
        """Maps of (batch, channels, height, width) of images of one modality, with ImageNet's mean
        and std."""
        base, small = self.base, smaller_images(images, self.shrink)
        grid = (small.shape[2] // self.patch, small.shape[3] // self.patch)
        embed = base.patch_embed_SAR if kind is Modality.SAR else base.patch_embed
        first = base.cls_token.expand(len(images), -1, -1)
        positions = resize_positions(base.pos_embed, base.grid, grid)
        tokens = torch.cat([first, embed(small)], dim=1) + positions
        if base.mie_embed is not None:
            tokens = tokens + base.config.mie_scale * base.mie_embed[int(kind)]
        tokens = base.norm(base.through(tokens, range(len(base.blocks)), None))
        last = tokens[:, 1:].transpose(1, 2).reshape(len(images), -1, *grid)
        return [self.fine[int(kind)](images), *(level(last) for level in self.pyramid)]


def pyramid_level(width: int, after: int, halvings: int) -> nn.Sequential:
    """Transposed convolutions that double the map so many times, and one that mixes."""
    layers: list[nn.Module] = []
    before = width
    for step in range(1, halvings + 1):
        now = max(after, width >> step)
        layers += [nn.ConvTranspose2d(before, now, 2, 2), nn.GroupNorm(1, now), nn.GELU()]
        before = now
    return nn.Sequential(*layers, nn.Conv2d(before, after, 1), nn.GroupNorm(1, after))


def pixel_mean_std(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std that a network's weights want of colours of 0 to 1."""
    if backbone == "vit":
        return IMAGENET_MEAN, IMAGENET_STD
    config = timm.get_pretrained_cfg(backbone)
    return (config.mean, config.std) if config else (IMAGENET_MEAN, IMAGENET_STD)
