"""What every re-identification model offers, and the one graph that embedding and export run."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.models.backbones.timm_backbone import TimmTransformer
from crosswake.models.backbones.timm_convolutional import TimmConvolutional
from crosswake.models.backbones.vit import Vit, initialise
from crosswake.models.heads import LOGIT_SCALE, make_classifier, pair_logits
from crosswake.settings.model import ModelConfig

Backbone = Vit | TimmTransformer | TimmConvolutional


class Outputs(NamedTuple):
    """What losses see of a batch.

    Attributes:
        metric: (batch, width), what metric losses compare.
        logits: (batch, identities); None without a classifier.
    """

    metric: Tensor
    logits: Tensor | None


class ReidModel(nn.Module):
    """A backbone with heads: chips of either modality to rows of numbers, and those to features.

    Its forward pass gives one row a chip with all that heads and losses need, so that processes
    exchange one tensor. What the columns are is the method's own affair.

    Args:
        config: the settings; ``width`` becomes that of the feature.
        base: the backbone.
        identities: rows of the classifier; 0 for a model that only embeds.
    """

    neck_name: str
    """Name of the BatchNorm before the classifier, as published weights have it."""

    def __init__(self, config: ModelConfig, base: Backbone, identities: int = 0) -> None:
        super().__init__()
        self.config, self.base = config, base
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE))
        self.classifier = make_classifier(config.width, identities)
        if isinstance(base, Vit):
            # In this order, so that a seed stands for the same weights in every version.
            self.apply(initialise)
            base.draw_tokens()
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=0.001)

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.config.width

    def forward(
        self, images: Tensor, modality: Tensor, size: Tensor, drop_path_mask: Tensor | None = None
    ) -> Tensor:
        """One row of numbers a chip.

        Args:
            images: (batch, 3, height, width), normalised.
            modality: (batch,) int64, 0 optical and 1 SAR.
            size: (batch, 3) from :func:`crosswake.batches.prepare.size_features`; ignored without
                SSE.
            drop_path_mask: what :meth:`draw_drop_path` gave, in training.

        Returns:
            (batch, columns).
        """
        return torch.as_tensor(self.base(images, modality, size, drop_path_mask))

    def raw_feature(self, rows: Tensor) -> Tensor:
        """(batch, width) features before BNNeck."""
        return rows

    def neck(self, rows: Tensor) -> Tensor:
        """(batch, width) features after BNNeck."""
        return torch.as_tensor(getattr(self, self.neck_name)(self.raw_feature(rows)))

    def logits(self, rows: Tensor) -> Tensor:
        """(batch, identities) of the classifier, which sees the feature after BNNeck."""
        assert self.classifier is not None
        return torch.as_tensor(self.classifier(self.neck(rows)))

    def retrieval_feature(self, rows: Tensor) -> Tensor:
        """(batch, width) that ranking compares, not normalised."""
        return self.neck(rows) if self.config.feature == "neck" else self.raw_feature(rows)

    def metric_feature(self, rows: Tensor, after_neck: Tensor) -> Tensor:
        """(batch, width) that metric losses compare: what ranking does.

        Args:
            rows: what :meth:`forward` gave.
            after_neck: what :meth:`neck` made of them.
        """
        return after_neck if self.config.feature == "neck" else self.raw_feature(rows)

    def outputs(self, rows: Tensor) -> Outputs:
        """All that losses need. The neck runs once: in training a BatchNorm would else count the
        batch twice."""
        after_neck = self.neck(rows)
        logits = self.classifier(after_neck) if self.classifier is not None else None
        return Outputs(self.metric_feature(rows, after_neck), logits)

    def own_losses(
        self,
        rows: Tensor,  # noqa: ARG002
        labels: Tensor,  # noqa: ARG002
        modality: Tensor,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Further losses of the method, each under the name of its weight in the settings' loss."""
        return {}

    def embedding(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Chips to what ranking compares, not normalised; arguments as :meth:`forward`."""
        return self.retrieval_feature(self(images, modality, size))

    def pair_logits(self, sar: Tensor, optical: Tensor) -> Tensor:
        """(SAR rows, optical rows) of the pair head, from features."""
        return pair_logits(sar, optical, self.logit_scale)

    def patch_weights(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor | None:
        """How much each patch contributes: (batch, rows, columns); None where a backbone cannot
        tell."""
        return self.base.patch_weights(images, modality, size)

    def draw_drop_path(self, batch: int, generator: torch.Generator) -> Tensor | None:
        """Which branches to skip in training, for a whole batch; None where the backbone draws its
        own."""
        return self.base.draw_drop_path(batch, generator)


class InferenceModel(nn.Module):
    """8-bit pictures of either modality to embeddings of length 1: what embedding runs and export
    writes.

    Args:
        model: in evaluation mode; its weights are shared, not copied.
    """

    def __init__(self, model: ReidModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """(batch, width) of length 1, from (batch, 3, height, width) uint8; the rest as
        :meth:`ReidModel.forward`."""
        return F.normalize(self.model.embedding(normalise(pictures), modality, size))
