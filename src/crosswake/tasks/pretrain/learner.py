"""Model and loss of pretraining as one module: pairs in, contrastive loss out. The loss sees the
pairs of all processes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crosswake.data.chips import Modality
from crosswake.models.losses import matched_contrastive
from crosswake.models.model import ReidModel
from crosswake.tasks.idle import Learner, made_up_images
from crosswake.training.distributed import Gather

LARGEST_LOGIT_SCALE = math.log(100)
"""As in CLIP (Radford et al., 2021, section 2.5): a temperature of 0.01."""


@dataclass(kw_only=True)  # not frozen: Fabric casts what it holds
class PairBatch:
    """This process's share of a batch, on the device.

    Attributes:
        optical: (share, 3, height, width) float32, augmented and normalised.
        sar: likewise.
        drop_path_mask: (depth, 2, 2, share) drop path factors, of optical and SAR; None where
            the model draws its own.
        same: (batch, batch) bool, which pairs of the whole batch show the same place.
    """

    optical: Tensor
    sar: Tensor
    drop_path_mask: Tensor | None
    same: Tensor

    def rows(self, part: slice) -> "PairBatch":
        """Some of the pairs of this process."""
        return PairBatch(
            optical=self.optical[part],
            sar=self.sar[part],
            drop_path_mask=None if self.drop_path_mask is None else self.drop_path_mask[..., part],
            same=self.same,
        )


@dataclass(kw_only=True)
class CachedGradient:
    """Gradients of the loss that :mod:`crosswake.tasks.pretrain.gradient_cache` has computed for a
    whole batch, as far as they concern one chunk.

    Attributes:
        features: (2, pairs, width), with regard to the features of the chunk.
        head: with regard to the weights after the features, in the order of
            :meth:`PairLearner.head`; empty for all chunks but the last, so that they count once.
    """

    features: Tensor
    head: tuple[Tensor, ...]


class PairLearner(Learner):
    """TransOSS with the pair head's contrastive loss (section 4.3).

    Args:
        model: the model.
        temperature: at the start.
        gather: joins (2, share, width) of all processes to (processes, 2, share, width),
            differentiably.
    """

    def __init__(self, model: ReidModel, temperature: float, gather: Gather) -> None:
        super().__init__()
        self.model, self.gather = model, gather
        model.logit_scale.data.fill_(-math.log(temperature))

    def forward(self, batch: PairBatch, cached: CachedGradient | None = None) -> dict[str, Tensor]:
        """The loss of a batch, as ``loss``.

        With ``cached``, ``loss`` is a number whose gradients are those of the loss: the sum of the
        products of features and head weights with their known gradients."""
        features = self.features(batch)
        if cached is None:
            return self.losses(self.gather(features), batch.same)
        products = [(features * cached.features).sum()]
        products += [
            (weight * gradient).sum()
            for weight, gradient in zip(self.head(), cached.head, strict=False)
        ]
        return {"loss": torch.stack(products).sum()}

    def sample_loss(self) -> Tensor:
        """The loss of two made-up pairs."""
        optical, sar = made_up_images(4, self.model.config.image_size).chunk(2)
        pairs = PairBatch(optical=optical, sar=sar, drop_path_mask=None, same=torch.eye(2) > 0)
        return self.losses(self.features(pairs)[None], pairs.same)["loss"]

    def features(self, batch: PairBatch) -> Tensor:
        """(2, share, width) features before BNNeck, optical then SAR, float32."""
        count = len(batch.optical)
        images = torch.cat([batch.optical, batch.sar])
        modality = torch.tensor(
            [Modality.OPTICAL] * count + [Modality.SAR] * count, device=images.device
        )
        size = torch.zeros(2 * count, 3, device=images.device)
        drop = None if batch.drop_path_mask is None else batch.drop_path_mask.flatten(2)
        features = self.model(images, modality, size, drop)
        return torch.as_tensor(features.float().reshape(2, count, -1))

    def losses(self, features: Tensor, same: Tensor) -> dict[str, Tensor]:
        """The loss from (processes, 2, share, width) features before BNNeck."""
        with torch.autocast(features.device.type, enabled=False), torch.no_grad():
            self.model.logit_scale.clamp_(max=LARGEST_LOGIT_SCALE)
        with torch.autocast(features.device.type, enabled=False):
            retrieved = self.model.retrieval_feature(features.flatten(0, 2)).reshape(features.shape)
            optical, sar = (retrieved[:, half].flatten(0, 1) for half in (0, 1))
            loss = matched_contrastive(self.model.pair_logits(sar, optical), same)
        return {"loss": loss}

    def head(self) -> list[nn.Parameter]:
        """The trainable weights that come after the features: temperature and BNNeck."""
        return [
            weight
            for weight in (
                self.model.logit_scale,
                self.model.get_parameter(f"{self.model.neck_name}.weight"),
            )
            if weight.requires_grad
        ]
