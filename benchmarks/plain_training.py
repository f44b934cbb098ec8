"""Loading and training written the usual way: files decoded every epoch by worker processes, one
image at a time.

Written for this purpose after the structure that published re-identification code shares; the model
and its losses are ours, so that what is compared is everything around them."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from crosswake.batches.prepare import IMAGENET_MEAN, IMAGENET_STD, size_features
from crosswake.data.chips import Chip
from crosswake.data.pixels import read_pixels
from crosswake.data.radiometry import to_uint8
from crosswake.models.backbones.vit import draw_drop_path
from crosswake.models.build import build_model
from crosswake.settings.train import AugmentConfig, TrainConfig
from crosswake.tasks.reid.learner import Batch, ReidLearner

Item = tuple[Tensor, int, Tensor, int]


class ChipFiles(Dataset[Item]):
    """Chips as files; each is opened, decoded and transformed whenever it is asked for.

    Args:
        chips: the files.
        labels: an integer for each.
        size: height and width of the model's input.
        augment: probabilities; None for nothing random.
    """

    def __init__(
        self,
        chips: Sequence[Chip],
        labels: Sequence[int],
        size: tuple[int, int],
        augment: AugmentConfig | None,
    ) -> None:
        self.chips, self.labels, self.transform = chips, labels, published_transform(size, augment)

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, index: int) -> Item:
        """(3, height, width) float32, modality, (3,) size features, label."""
        chip = self.chips[index]
        pixels = read_pixels(chip.path, chip.box)
        height, width = pixels.shape[:2]
        size = size_features(*chip.ground_extent(height, width), aspect=height / width)
        image: Tensor = self.transform(Image.fromarray(to_uint8(pixels, chip.modality)))
        return image, int(chip.modality), torch.tensor(size), self.labels[index]


def published_transform(size: tuple[int, int], augment: AugmentConfig | None) -> Any:
    """The published training transform (TransReID's, which TransOSS uses) for one image; None is
    less all chance."""
    from timm.data.random_erasing import RandomErasing

    steps: list[Any] = [transforms.Resize(size, interpolation=transforms.InterpolationMode.BICUBIC)]
    if augment is not None:
        steps += [transforms.RandomHorizontalFlip(augment.flip), transforms.Pad(augment.pad)]
        steps += [transforms.RandomCrop(size)]
    steps += [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    if augment is not None:
        steps += [RandomErasing(probability=augment.erase, mode="pixel", max_count=1, device="cpu")]
    return transforms.Compose(steps)


class PlainLoader:
    """A ``DataLoader`` whose workers stay, over batches that are set before each pass.

    Args:
        files: the chips.
        workers: processes; 0 for none.
    """

    def __init__(self, files: ChipFiles, workers: int) -> None:
        self.batches: list[list[int]] = []
        self.loader = DataLoader(
            files, batch_sampler=self.batches, num_workers=workers, persistent_workers=workers > 0
        )

    def passes(self, batches: Sequence[Sequence[int]]) -> Iterator[list[Tensor]]:
        """Images, modality, size and label of each batch."""
        self.batches[:] = [list(batch) for batch in batches]
        yield from self.loader


class PlainTraining:
    """The usual loop: a batch from the loader, to the device, forward, backward, a step of an
    unfused optimiser.

    On a GPU in mixed precision (bfloat16), on the CPU in float32, as published code does.

    Args:
        config: the run's settings.
        state: the model's first weights.
        files: chips with their augmentation.
        identities: rows of the classifier.
        workers: of the loader.
        device: where the model is.
    """

    def __init__(
        self,
        config: TrainConfig,
        state: dict[str, Tensor],
        files: ChipFiles,
        identities: int,
        workers: int,
        device: torch.device,
    ) -> None:
        model = build_model(config.model, identities)
        model.load_state_dict(state)
        self.config, self.device, self.waited = config, device, 0.0
        self.learner = ReidLearner(model.to(device), config.loss, lambda features: features)
        self.optimiser = plain_optimiser(self.learner, config)
        self.loader = PlainLoader(files, workers)

    def train(self, batches: Sequence[Sequence[int]]) -> list[float]:
        """Losses of a step for every batch of chips."""
        self.learner.train()
        losses = []
        for images, modality, size, labels in self.waiting(self.loader.passes(batches)):
            self.optimiser.zero_grad()
            loss = self.loss(images, modality, size, labels)
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
        return losses

    def waiting(self, loaded: Iterator[list[Tensor]]) -> Iterator[list[Tensor]]:
        """The batches, with the time until each is there counted in ``waited``."""
        while True:
            started = time.perf_counter()
            batch = next(loaded, None)
            self.waited += time.perf_counter() - started
            if batch is None:
                return
            yield batch

    def loss(
        self,
        images: Tensor,
        modality: Tensor,
        size: Tensor,
        labels: Tensor,
        drop: float | None = None,
    ) -> Tensor:
        """The loss of one batch; ``drop`` is the drop path's rate, the settings' if None."""
        rate = self.config.model.drop_path if drop is None else drop
        drop_path_mask = draw_drop_path(
            self.config.model.depth, len(images), rate, torch.default_generator
        )
        parts = (images, modality, size, drop_path_mask, labels)
        images, modality, size, drop_path_mask, labels = (part.to(self.device) for part in parts)
        batch = Batch(
            images=images,
            modality=modality,
            size=size,
            drop_path_mask=drop_path_mask,
            labels=labels,
            modality_of_all=modality,
        )
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"
        ):
            loss: Tensor = self.learner(batch)["loss"]
        return loss


def plain_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """A group for every weight, and a weight at a time."""
    settings, groups = config.optimiser, []
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            factor = settings.bias_lr_factor if name.endswith("bias") else 1.0
            groups.append(
                {
                    "params": [weight],
                    "lr": settings.lr * factor,
                    "weight_decay": settings.weight_decay,
                }
            )
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum, foreach=False)
    return torch.optim.AdamW(groups, foreach=False)
