"""The published training augmentation, on whole batches, on the device.

Random numbers are drawn for the whole batch of a step from a generator of its own, so that a chip
is treated alike however many processes share the batch, and whether or not training was
interrupted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.settings.train import AugmentConfig

CPU = torch.device("cpu")
ERASE_AREA = (0.02, 1 / 3)  # shares of the image, as in timm's RandomErasing, which TransReID uses
ERASE_ASPECT = (0.3, 1 / 0.3)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What happens to each chip of a batch.

    Attributes:
        flip: (batch,) bool, left to right.
        flip_vertical: (batch,) bool, upside down; None for none at all.
        shift: (batch, 2) int64, row and column where the crop starts in the padded picture.
        box: (batch, 4) int64, top, left, height and width of the erased box; height 0 for none.
        noise: (batch, 3, height, width) float32, what a box is filled with; None where nothing is
            erased.
        zoom: (batch, 2) float32, factors of height and width; None for no zoom at all.
        grey: (batch,) bool, whose colours go; None for none at all.
        contrast: (batch, 2) float32, what pixels are multiplied by and what is added; None for no
            change.
    """

    flip: Tensor
    flip_vertical: Tensor | None
    shift: Tensor
    box: Tensor
    noise: Tensor | None
    zoom: Tensor | None
    grey: Tensor | None
    contrast: Tensor | None

    def rows(self, part: slice) -> "Augmentation":
        """The augmentation of some of the chips."""
        return self._map(lambda value: value[part])

    def to(self, device: torch.device) -> "Augmentation":
        """The same on a device."""
        return self._map(lambda value: value.to(device))

    def _map(self, function: Callable[[Tensor], Tensor]) -> "Augmentation":
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            changed[field.name] = None if value is None else function(value)
        return Augmentation(**changed)


def step_generator(*numbers: int) -> torch.Generator:
    """A generator seeded by several numbers (seed, epoch, step, purpose), independent for every
    combination."""
    import numpy as np

    generator = torch.Generator()
    generator.manual_seed(
        int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
    )
    return generator


def draw_augmentation(
    batch: int,
    image_size: tuple[int, int],
    config: AugmentConfig,
    generator: torch.Generator,
    device: torch.device = CPU,
) -> Augmentation:
    """Draw what happens to each of ``batch`` chips of ``image_size``.

    Noise, a number for every pixel, is drawn on ``device``; all else with ``generator`` on the CPU.
    """
    flip = torch.rand(batch, generator=generator) < config.flip
    shift = torch.randint(0, 2 * config.pad + 1, (batch, 2), generator=generator)
    noise = draw_noise((batch, 3, *image_size), generator, device) if config.erase else None
    box = draw_boxes(batch, image_size, config.erase, generator)
    zoom = (
        1 + config.zoom * (2 * torch.rand(batch, 2, generator=generator) - 1)
        if config.zoom
        else None
    )
    grey = torch.rand(batch, generator=generator) < config.grey
    flip_vertical = torch.rand(batch, generator=generator) < config.flip_vertical
    return Augmentation(
        flip=flip,
        flip_vertical=flip_vertical if config.flip_vertical else None,
        shift=shift,
        box=box,
        noise=noise,
        zoom=zoom,
        grey=grey if config.grey else None,
        contrast=draw_contrast(batch, config.contrast, generator),
    )


def draw_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Normal noise on a device, by a generator there that starts from the seed of the one given."""
    if device.type != generator.device.type:
        generator = torch.Generator(device).manual_seed(generator.initial_seed())
    return torch.randn(shape, generator=generator, device=device)


def draw_contrast(batch: int, deviation: float, generator: torch.Generator) -> Tensor | None:
    """(batch, 2) factors, log-normal, and summands, normal; None for a deviation of 0."""
    if not deviation:
        return None
    drawn = deviation * torch.randn(batch, 2, generator=generator)
    return torch.stack([drawn[:, 0].exp(), drawn[:, 1]], dim=1)


def draw_boxes(
    batch: int, image_size: tuple[int, int], chance: float, generator: torch.Generator
) -> Tensor:
    """(batch, 4) boxes of random erasing (Zhong et al., AAAI 2020): area and log aspect uniform,
    ten tries to fit."""
    height, width = image_size
    tries = 10
    area = height * width * torch.empty(batch, tries).uniform_(*ERASE_AREA, generator=generator)
    aspect = (
        torch.empty(batch, tries).uniform_(*map(math.log, ERASE_ASPECT), generator=generator).exp()
    )
    box_height, box_width = (
        (area * aspect).sqrt().round().long(),
        (area / aspect).sqrt().round().long(),
    )
    fits = (box_height < height) & (box_width < width)
    erased = (torch.rand(batch, generator=generator) < chance) & fits.any(1)
    first = fits.long().argmax(1, keepdim=True)
    box_height, box_width = box_height.gather(1, first)[:, 0], box_width.gather(1, first)[:, 0]
    place = torch.rand(2, batch, generator=generator)
    top = (place[0] * (height - box_height + 1)).long()
    left = (place[1] * (width - box_width + 1)).long()
    return torch.stack([top, left, box_height, box_width], dim=1) * erased[:, None]


def augment(pictures: Tensor, plan: Augmentation, pad: int) -> Tensor:
    """Flip, pad and crop, take colours, normalise, change contrast, zoom, erase.

    Args:
        pictures: (batch, 3, height, width) uint8, on the device.
        plan: what happens to each, on the same device.
        pad: border in pixels on every side.

    Returns:
        (batch, 3, height, width) float32.
    """
    height, width = pictures.shape[-2:]
    for flip, axis in ((plan.flip, -1), (plan.flip_vertical, -2)):
        if flip is not None:
            pictures = torch.where(flip[:, None, None, None], pictures.flip(axis), pictures)
    if pad:
        crop = cropped_by_slices if pictures.device.type == "cpu" else cropped_by_index
        pictures = crop(F.pad(pictures, (pad, pad, pad, pad)), plan.shift, (height, width))
    if plan.grey is not None:
        pictures = torch.where(plan.grey[:, None, None, None], luminance(pictures), pictures)
    images = normalise(pictures)
    if plan.contrast is not None:
        images = (
            images * plan.contrast[:, 0, None, None, None] + plan.contrast[:, 1, None, None, None]
        )
    images = images if plan.zoom is None else zoomed(images, plan.zoom)
    if plan.noise is None:
        return images
    return torch.where(inside(plan.box, height, width)[:, None], plan.noise, images)


def cropped_by_index(padded: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """Windows of (batch, 3, ...) pictures at (batch, 2) corners: one operation, and nothing for a
    GPU to wait for."""
    height, width = size
    rows = shift[:, :1] + torch.arange(height, device=padded.device)
    columns = shift[:, 1:] + torch.arange(width, device=padded.device)
    index = torch.arange(len(padded), device=padded.device)[:, None, None]
    return padded[index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cropped_by_slices(padded: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """The same, a chip at a time, which the CPU copies row by row instead of picking pixels."""
    height, width = size
    found = padded.new_empty(*padded.shape[:2], height, width)
    for row, (top, left) in enumerate(shift.tolist()):
        found[row] = padded[row, :, top : top + height, left : left + width]
    return found


def luminance(pictures: Tensor) -> Tensor:
    """(batch, 1, height, width) uint8 of RGB pictures (ITU-R BT.601); SAR, already grey, stays as
    it is."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=pictures.device)[:, None, None]
    return (pictures.float() * weights).sum(1, keepdim=True).round().to(torch.uint8)


def zoomed(images: Tensor, zoom: Tensor) -> Tensor:
    """Images scaled about their centre by (batch, 2) factors of height and width, bilinear, edges
    continued."""
    matrix = torch.zeros(len(images), 2, 3, device=images.device)
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 / zoom[:, 1], 1 / zoom[:, 0]
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def inside(box: Tensor, height: int, width: int) -> Tensor:
    """(batch, height, width) bool: which pixels a box covers."""
    rows, columns = torch.arange(height, device=box.device), torch.arange(width, device=box.device)
    top, left, box_height, box_width = (value[:, None] for value in box.T)
    in_rows = (rows >= top) & (rows < top + box_height)
    in_columns = (columns >= left) & (columns < left + box_width)
    return torch.as_tensor(in_rows[:, :, None] & in_columns[:, None, :])
