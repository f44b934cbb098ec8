"""SDF-Net (arXiv 2603.12588), under the state-dict names of its published weights.

TransOSS's ViT with a second class token for each modality: the first learns what both modalities
share, the second what each has of its own; and the structure of the ship, halfway through, is to be
the same in both."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.data.chips import Modality
from crosswake.models.backbones.vit import Vit
from crosswake.models.heads import bn_neck
from crosswake.models.model import ReidModel
from crosswake.settings.model import ModelConfig

INSTANCE_NORM_EPS = 1e-5


class SdfVit(Vit):
    """Tokens are in the order [shared, specific, patches row by row, size].

    The structure descriptor is taken halfway, after block 6 of 12."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, leading=2)
        self.cls_token_spe_rgb = nn.Parameter(torch.zeros(1, 1, config.width))
        self.cls_token_spe_sar = nn.Parameter(torch.zeros(1, 1, config.width))

    def draw_tokens(self) -> None:
        """First values of the learnt tokens: small random numbers."""
        super().draw_tokens()
        for token in (self.cls_token_spe_rgb, self.cls_token_spe_sar):
            nn.init.trunc_normal_(token, std=0.02)

    def class_tokens(self, modality: Tensor) -> Tensor:
        """(batch, 2, width)."""
        specific = torch.cat([self.cls_token_spe_rgb, self.cls_token_spe_sar])[modality]
        return torch.cat([super().class_tokens(modality), specific], dim=1)

    def forward(
        self, images: Tensor, modality: Tensor, size: Tensor, drop_path_mask: Tensor | None = None
    ) -> Tensor:
        """(batch, 3 * width): shared, specific and structure side by side."""
        depth = len(self.blocks)
        middle = depth // 2
        tokens = self.embed(images, modality, size)
        tokens = self.through(tokens, range(middle), drop_path_mask)
        structure = structure_descriptor(self.only_patches(tokens), self.grid)
        tokens = self.through(tokens, range(middle, depth), drop_path_mask)
        return torch.cat([self.norm(tokens[:, :2]).flatten(1), structure], dim=1)


def structure_descriptor(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """How strongly patches change from one to the next, which depends on the ship's structure more
    than on the sensor.

    The mean of |vertical difference| plus the mean of |horizontal difference| for each channel,
    then instance-normalised over channels.

    Args:
        patches: (batch, rows * columns, width).
        grid: rows and columns.

    Returns:
        (batch, width).
    """
    maps = patches.unflatten(1, grid)
    changes = patches.new_zeros(patches.shape[0], patches.shape[2])
    for axis in (1, 2):
        if maps.shape[axis] > 1:
            changes = changes + maps.diff(dim=axis).abs().mean((1, 2))
    return F.layer_norm(changes, changes.shape[1:], eps=INSTANCE_NORM_EPS)


class SdfNet(ReidModel):
    """Ranks by shared + specific after a BatchNorm of its own.

    Args:
        config: the settings.
        identities: rows of the classifier; 0 for a model that only embeds.
    """

    neck_name = "bottleneck_fuse"

    def __init__(self, config: ModelConfig, identities: int = 0) -> None:
        super().__init__(config, SdfVit(config), identities)
        self.bottleneck_fuse = bn_neck(config.width)

    def parts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shared, specific and structure, (batch, width) each."""
        shared, specific, structure = rows.chunk(3, dim=1)
        return shared, specific, structure

    def raw_feature(self, rows: Tensor) -> Tensor:
        """The fused feature: shared + specific."""
        shared, specific, _ = self.parts(rows)
        return shared + specific

    def metric_feature(self, rows: Tensor, after_neck: Tensor) -> Tensor:  # noqa: ARG002
        """The fused feature before its BatchNorm, though ranking compares it after."""
        return self.raw_feature(rows)

    def own_losses(self, rows: Tensor, labels: Tensor, modality: Tensor) -> dict[str, Tensor]:
        """Orthogonality of shared and specific, and structure alike in both modalities."""
        shared, specific, structure = self.parts(rows)
        return {
            "orthogonality": orthogonality(shared, specific),
            "structure": structure_consistency(structure, labels, modality),
        }


def orthogonality(shared: Tensor, specific: Tensor) -> Tensor:
    """Mean of |cos(shared, specific)| over chips."""
    return F.cosine_similarity(shared, specific).abs().mean()


def structure_consistency(structure: Tensor, labels: Tensor, modality: Tensor) -> Tensor:
    """Mean squared difference of the two modalities' mean descriptors, averaged over identities
    that have both; 0 if there are none.

    Args:
        structure: (batch, width).
        labels: (batch,) int64.
        modality: (batch,) int64.
    """
    terms = []
    for label in labels.unique():
        optical, sar = (structure[(labels == label) & (modality == kind)] for kind in Modality)
        if len(optical) and len(sar):
            terms.append(F.mse_loss(optical.mean(0), sar.mean(0)))
    return torch.stack(terms).mean() if terms else structure.sum() * 0.0
