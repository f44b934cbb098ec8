"""How the maps of two modalities become those of one."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.tile_batch import OPTICAL_COLUMN, SAR_COLUMN, TileBatch
from crosswake.data.chips import Modality
from crosswake.models.buildings.encoders import (
    ConvEncoder,
    VitEncoder,
    pixel_mean_std,
)
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig

GATE_SPEED = 10.0
"""Gates open so many times faster than a weight moves, or a short training ends before they do."""
Maps = list[Tensor]


class GatedSar(nn.Module):
    """SAR joins one map of the optical image: optical + gate * projection(SAR).

    The gate has a number for each channel and starts at 0, so that the sum is the optical map until
    SAR has proved of use. Without an optical image the projection takes its place, gate or not:
    such images teach the projection from the first step.

    Args:
        before: channels of the SAR maps that are projected; coarser ones are enlarged.
        channels: of the optical map.
    """

    def __init__(self, before: Sequence[int], channels: int) -> None:
        super().__init__()
        self.mix = nn.ModuleList(nn.Conv2d(count, channels, 1, bias=False) for count in before)
        self.norm = nn.BatchNorm2d(channels)
        self.gate = nn.Parameter(torch.zeros(channels))

    def project(self, maps: Maps) -> Tensor:
        """SAR maps as one, of the size of the first."""
        first, *coarser = [mix(one) for mix, one in zip(self.mix, maps, strict=True)]
        size = first.shape[2:]
        for one in coarser:
            first = first + F.interpolate(one, size, mode="bilinear", align_corners=False)
        return torch.as_tensor(self.norm(first))

    def forward(self, optical: Tensor, sar: Tensor, alone: Tensor) -> Tensor:
        """Join maps.

        Args:
            optical: (batch, channels, height, width), 0 where there is none.
            sar: projected already, and 0 where there is none.
            alone: (batch,) bool, where there is no optical image.
        """
        gate = (GATE_SPEED * self.gate)[None, :, None, None]
        return torch.as_tensor(optical + torch.where(alone[:, None, None, None], sar, gate * sar))


class GatedPair(nn.Module):
    """An encoder for each modality, joined by :class:`GatedSar` at every stride that both have.

    A missing image goes through no encoder, so that it costs nothing and moves no BatchNorm. Beside
    an optical image, SAR may be seen smaller (``sar_shrink``): speckle is averaged away, outlines
    come from the colours, and roofs lie elsewhere in SAR anyway, towards the radar.
    """

    def __init__(self, config: BuildingModelConfig, modalities: BuildingModalities) -> None:
        super().__init__()
        mean, std = pixel_mean_std(config.backbone)
        both = modalities == "both"
        self.vit = VitEncoder(config) if config.backbone == "vit" else None
        self.optical: ConvEncoder | None = None
        self.sar: ConvEncoder | None = None
        self.mean: Tensor
        self.std: Tensor
        if self.vit is None:
            if modalities != "sar":
                self.optical = ConvEncoder(config, mean, std)
            if modalities != "rgb":
                smaller = config.sar_shrink if both else None
                self.sar = ConvEncoder(config, (0.0,) * 3, (1.0,) * 3, smaller)
        else:
            self.register_buffer("mean", torch.tensor(mean))
            self.register_buffer("std", torch.tensor(std))
            if not both:
                self.vit.freeze(Modality.SAR if modalities == "rgb" else Modality.OPTICAL)
        first, last = self.vit or self.optical or self.sar, self.vit or self.sar or self.optical
        assert first is not None and last is not None
        self.strides, self.channels, self.coarsest = first.strides, first.channels, last.strides[-1]
        self.uses = (modalities != "sar", modalities != "rgb")
        self.sources = joined_strides(self.strides, last.strides) if both else {}
        self.gates = nn.ModuleList(
            GatedSar([last.channels[index] for index in sources], self.channels[level])
            for level, sources in self.sources.items()
        )

    def forward(self, batch: TileBatch) -> Maps:
        """Maps of (batch, channels, height, width), one a stride."""
        there = [batch.present[:, OPTICAL_COLUMN], batch.present[:, SAR_COLUMN]]
        levels = list(range(len(self.strides)))
        optical, sar = [], []
        if self.uses[0]:
            optical = self.spread(batch.optical, there[0], self.of_optical, levels)
        if self.uses[1]:
            levels = list(self.sources) if self.gates else levels
            sar = self.spread(batch.sar, there[1], self.of_sar, levels)
        if not self.gates:
            return optical or sar
        for level, gate, other in zip(self.sources, self.gates, sar, strict=True):
            optical[level] = gate(optical[level], other, ~there[0])
        return optical

    def of_optical(self, images: Tensor) -> Maps:
        """Maps of optical images."""
        if self.vit is not None:
            pixels = (images - self.mean[:, None, None]) / self.std[:, None, None]
            return self.vit(pixels, Modality.OPTICAL)  # type: ignore[no-any-return]
        assert self.optical is not None
        return self.optical(images)  # type: ignore[no-any-return]

    def of_sar(self, images: Tensor) -> Maps:
        """Maps of SAR images, projected where they are to be joined."""
        images = images.expand(-1, 3, -1, -1)  # as in pretraining
        if self.vit is not None:
            maps: Maps = self.vit(images, Modality.SAR)
        else:
            assert self.sar is not None
            maps = self.sar(images)
        return self.projected(maps) if self.gates else maps

    def projected(self, maps: Maps) -> Maps:
        """What the gates are given: a map of SAR for each."""
        found = []
        for gate, sources in zip(self.gates, self.sources.values(), strict=True):
            assert isinstance(gate, GatedSar)
            found.append(gate.project([maps[index] for index in sources]))
        return found

    def spread(
        self,
        images: Tensor,
        there: Tensor,
        encode: Callable[[Tensor], Maps],
        levels: Sequence[int],
    ) -> Maps:
        """Maps of the images that are there, of the levels that ``encode`` gives; 0 for the
        others."""
        places = there.nonzero()[:, 0]
        if not len(places):
            return self.nothing(images, levels)
        lonely = len(places) == 1 and min(images.shape[2:]) <= self.coarsest
        if lonely and self.training:  # a BatchNorm wants two values of a map of one cell
            maps = [one[:1] for one in encode(images[places].repeat(2, 1, 1, 1))]
        else:
            maps = encode(images if there.all() else images[places])
        if there.all():
            return maps
        return [
            one.new_zeros(len(images), *one.shape[1:]).index_copy(0, places, one) for one in maps
        ]

    def nothing(self, images: Tensor, levels: Sequence[int]) -> Maps:
        """Maps of 0; in training, with a gradient of 0 for the weights that were not used, which
        data-parallel training wants."""
        batch, _, height, width = images.shape
        idle = images.new_zeros(())
        if self.training:
            idle = 0.0 * torch.stack([value.sum() for value in self.parameters()]).sum()
        shapes = [(self.channels[level], self.strides[level]) for level in levels]
        return [
            idle.expand(batch, channels, height // stride, width // stride)
            for channels, stride in shapes
        ]


def joined_strides(strides: Sequence[int], others: Sequence[int]) -> dict[int, list[int]]:
    """Which maps of SAR join which map of the optical image, both by their place: those of its
    stride, and the coarsest also those that are coarser."""
    found = {}
    for level, stride in enumerate(strides):
        last = level == len(strides) - 1
        same = [
            index
            for index, other in enumerate(others)
            if other == stride or (last and other > stride)
        ]
        if same:
            found[level] = same
    return found


class Stacked(nn.Module):
    """SAR as a fourth channel of one encoder; a missing image is the mean, which is 0 once
    normalised."""

    def __init__(self, config: BuildingModelConfig) -> None:
        super().__init__()
        mean, std = pixel_mean_std(config.backbone)
        self.optical = ConvEncoder(config, (*mean, 0.0), (*std, 1.0))
        self.strides, self.channels = self.optical.strides, self.optical.channels

    def forward(self, batch: TileBatch) -> Maps:
        """Maps of (batch, channels, height, width), one a stride."""
        return self.optical(  # type: ignore[no-any-return]
            stacked_images(batch, self.optical.mean)
        )


def stacked_images(batch: TileBatch, mean: Tensor) -> Tensor:
    """(batch, 4, height, width) of both images; missing ones are ``mean``."""
    images = torch.cat([batch.optical, batch.sar], dim=1)
    there = batch.present[:, [OPTICAL_COLUMN] * 3 + [SAR_COLUMN], None, None]
    return torch.where(there, images, mean[None, :, None, None])


class PlainImages(nn.Module):
    """The images of a batch as one network sees them, normalised: colours, SAR three times, or both
    stacked.

    Args:
        backbone: whose weights say how colours are normalised.
        modalities: what is seen.

    Attributes:
        mean: of each channel; its length says how many there are.
        std: likewise.
    """

    def __init__(self, backbone: str, modalities: BuildingModalities) -> None:
        super().__init__()
        self.modalities = modalities
        mean, std = pixel_mean_std(backbone)
        if modalities == "sar":
            mean, std = (0.0,) * 3, (1.0,) * 3
        elif modalities == "both":
            mean, std = (*mean, 0.0), (*std, 1.0)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, batch: TileBatch) -> Tensor:
        """(batch, channels, height, width)."""
        if self.modalities == "both":
            images = stacked_images(batch, self.mean)
        elif self.modalities == "sar":
            images = batch.sar.expand(-1, 3, -1, -1)
        else:
            images = batch.optical
        return (images - self.mean[:, None, None]) / self.std[:, None, None]


def make_fusion(config: BuildingModelConfig, modalities: BuildingModalities) -> GatedPair | Stacked:
    """The encoders of the settings; stacking needs both modalities."""
    if config.fusion == "gated" or modalities != "both":
        return GatedPair(config, modalities)
    return Stacked(config)


def widths_of(channels: Sequence[int], width: int) -> list[int]:
    """Channels of the decoder at each stride: ``width``, and half of it at the finest."""
    return [max(8, width // 2), *(width for _ in channels[1:])]
