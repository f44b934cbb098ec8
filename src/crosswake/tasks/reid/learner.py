"""Model and losses of training as one module: chips in, losses out. The losses see the chips of all
processes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from crosswake.data.chips import Modality
from crosswake.models.losses import (
    classwise_modality_alignment,
    cross_modal_contrastive,
    metric_loss,
)
from crosswake.models.model import ReidModel
from crosswake.settings.train import LossConfig
from crosswake.tasks.idle import Learner, made_up_images
from crosswake.training.distributed import Gather


@dataclass(kw_only=True)
class Batch:
    """This process's share of a batch, on the device.

    Attributes:
        images: (share, 3, height, width) float32, augmented and normalised.
        modality: (share,) int64.
        size: (share, 3) float32.
        drop_path_mask: (depth, 2, share) drop path factors; None where the model draws its own.
        labels: (batch,) int64, of the chips of all processes.
        modality_of_all: (batch,) int64, of the same.
    """

    images: Tensor
    modality: Tensor
    size: Tensor
    drop_path_mask: Tensor | None
    labels: Tensor
    modality_of_all: Tensor


class ReidLearner(Learner):
    """A model with its losses.

    Every process gathers the features of the whole batch. BNNeck, mining and losses see them all,
    so the result does not depend on the number of processes.

    Args:
        model: the model, with a classifier.
        loss: weights of the losses.
        gather: joins (share, width) of all processes to (batch, width), differentiably.
    """

    def __init__(self, model: ReidModel, loss: LossConfig, gather: Gather) -> None:
        super().__init__()
        self.model, self.loss, self.gather = model, loss, gather

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch: ``loss``, the weighted sum, and every term that has a weight."""
        rows = self.model(batch.images, batch.modality, batch.size, batch.drop_path_mask).float()
        return self.losses(self.gather(rows), batch.labels, batch.modality_of_all)

    def sample_loss(self) -> Tensor:
        """The loss of four made-up chips, of two identities in both modalities."""
        modality, labels = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
        images = made_up_images(len(labels), self.model.config.image_size)
        rows = self.model(images, modality, torch.zeros(len(labels), 3))
        return self.losses(rows, labels, modality)["loss"]

    def losses(self, rows: Tensor, labels: Tensor, modality: Tensor) -> dict[str, Tensor]:
        """The losses from the model's rows, (batch, columns)."""
        terms: dict[str, Tensor] = {}
        with torch.autocast(rows.device.type, enabled=False):
            retrieved, logits = self.model.outputs(rows)
            assert logits is not None
            if self.loss.identity:
                smoothing = self.loss.label_smoothing
                terms["identity"] = F.cross_entropy(logits, labels, label_smoothing=smoothing)
            if self.loss.metric:
                terms["metric"] = metric_loss(
                    self.loss.metric_kind, retrieved, labels, self.loss.margin
                )
            if self.loss.contrastive:
                terms["contrastive"] = self.contrastive(retrieved, labels, modality)
            if self.loss.alignment:
                terms["alignment"] = classwise_modality_alignment(retrieved, labels, modality)
            own = self.model.own_losses(rows, labels, modality)
            terms |= {name: value for name, value in own.items() if getattr(self.loss, name)}
        weighted = [getattr(self.loss, name) * value for name, value in terms.items()]
        return {"loss": torch.stack(weighted).sum(), **terms}

    def contrastive(self, features: Tensor, labels: Tensor, modality: Tensor) -> Tensor:
        """The pair head's loss: a chip matches all chips of its identity in the other modality."""
        sar = modality == Modality.SAR
        logits = self.model.pair_logits(features[sar], features[~sar])
        return cross_modal_contrastive(logits, labels[sar], labels[~sar])
