"""timm's convolutional networks, cut at a stride, with a norm for each modality if that is set."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.models.backbones.timm_backbone import TimmBackbone, unsupported
from crosswake.models.embeddings import SizeEmbed, by_modality
from crosswake.settings.model import ModelConfig


class ModalityNorm(nn.Module):
    """A BatchNorm for each modality, which start alike; ``kind`` says which one is in use."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.optical, self.sar = norm, deepcopy(norm)
        self.kind = Modality.OPTICAL

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise maps of one modality."""
        return torch.as_tensor((self.sar if self.kind is Modality.SAR else self.optical)(maps))


class TimmConvolutional(TimmBackbone):
    """A convolutional network of timm's; the cells of its last feature map are the patches.

    There is no token to add the modality embedding to; the size embedding is added to the pooled
    feature."""

    def __init__(self, config: ModelConfig, net: Any) -> None:
        if config.mie or config.pooling == "class":
            raise CrosswakeError(
                f"--model.backbone: {config.backbone} has no tokens: set --model.mie false and "
                "--model.pooling mean or grid"
            )
        first = net.pretrained_cfg.get("first_conv")
        if config.cut:
            cut(net, config)
        if not isinstance(first, str):
            raise unsupported(config.backbone)
        super().__init__(config, net, first)
        self.norms: list[ModalityNorm] = []
        if config.norms == "modality":
            self.norms = double_norms(net, config.backbone)
        self.finish(*self.probe())
        self.wh_embed = SizeEmbed(self.width) if config.sse else None

    @torch.no_grad()
    def probe(self) -> tuple[tuple[int, int], int]:
        """Grid and channels of the last feature map, by a look at one black image."""
        self.eval()
        try:
            maps = self.maps_of(Modality.OPTICAL, torch.zeros(1, 3, *self.config.image_size))
        except (RuntimeError, AssertionError) as error:
            height, width = self.config.image_size
            raise CrosswakeError(
                f"--model.image_size: {height} x {width} does not fit {self.config.backbone} "
                f"({str(error).splitlines()[0]})"
            ) from error
        finally:
            self.train()
        if maps.ndim != 4:
            raise unsupported(self.config.backbone)
        return (maps.shape[2], maps.shape[3]), maps.shape[1]

    def maps_of(self, kind: Modality, images: Tensor) -> Tensor:
        """(batch, channels, rows, columns) of images of one modality."""
        for norm in self.norms:
            norm.kind = kind
        stem = self.patch_embed_SAR if kind is Modality.SAR else self.patch_embed
        return torch.as_tensor(self.net.forward_features(stem(images)))

    def patches(self, images: Tensor, modality: Tensor) -> Tensor:
        """(batch, patches, channels) of the last feature map, row by row."""
        images = self.prepared(images)
        if self.norms:
            maps = by_modality(
                lambda some: self.maps_of(Modality.OPTICAL, some),
                lambda some: self.maps_of(Modality.SAR, some),
                images,
                modality,
                may_show_both=not self.training,
            )
            if self.training:
                # A gradient of 0 for the modality that a process has no image of: data-parallel
                # training wants one for all weights.
                both = (self.patch_embed, self.patch_embed_SAR, *self.norms)
                maps = maps + 0.0 * sum(w.sum() for part in both for w in part.parameters())
        else:
            stems = by_modality(self.patch_embed, self.patch_embed_SAR, images, modality)
            maps = self.net.forward_features(stems)
        return maps.flatten(2).transpose(1, 2)

    def forward(
        self,
        images: Tensor,
        modality: Tensor,
        size: Tensor,
        drop_path_mask: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """(batch, width) features; arguments as
        :meth:`crosswake.models.model.ReidModel.forward`."""
        assert self.grid_pool is not None
        feature = torch.as_tensor(self.grid_pool(self.patches(images, modality)))
        if self.wh_embed is not None:
            feature = feature + self.wh_embed(size)[:, 0]
        return feature

    def patch_weights(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor | None:  # noqa: ARG002
        """Length of each cell's share of the feature: (batch, rows, columns)."""
        assert self.grid_pool is not None
        return self.grid_pool.shares(self.patches(images, modality)).reshape(-1, *self.grid)


def double_norms(net: nn.Module, name: str) -> list[ModalityNorm]:
    """Put a :class:`ModalityNorm` in place of every BatchNorm."""
    plain = [key for key, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if not plain:
        raise CrosswakeError(f"--model.norms: {name} has no BatchNorm; set it to shared")
    norms = [ModalityNorm(net.get_submodule(key)) for key in plain]
    for key, norm in zip(plain, norms, strict=True):
        net.set_submodule(key, norm)
    return norms


def cut(net: Any, config: ModelConfig) -> None:
    """Leave out the stages after the last one whose cells are ``cut`` pixels apart."""
    strides = [stage["reduction"] for stage in getattr(net, "feature_info", [])]
    if config.cut not in strides or not hasattr(net, "prune_intermediate_layers"):
        known = ", ".join(map(str, sorted(set(strides)))) or "none"
        raise CrosswakeError(
            f"--model.cut: {config.backbone} has no stage of stride {config.cut}; it has {known}"
        )
    net.prune_intermediate_layers([len(strides) - 1 - strides[::-1].index(config.cut)])
