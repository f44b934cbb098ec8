"""The published training augmentation, on whole batches, on the device.

The random numbers of a step are drawn for its whole batch, from a generator of that step alone. So
the same happens to a chip however many processes share the batch, and whether or not training was
interrupted. For this the order of the draws must stay as it is."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
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
    (seed,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(seed >> np.uint64(1)))  # torch takes 63 bits


def draw_augmentation(
    batch: int,
    image_size: tuple[int, int],
    config: AugmentConfig,
    generator: torch.Generator,
    device: torch.device = CPU,
) -> Augmentation:
    """Draw what happens to each of ``batch`` chips of ``image_size``.

    The noise, a number for every pixel, is drawn on ``device``; all else by ``generator`` on the
    CPU.
    """
    flip = torch.rand(batch, generator=generator) < config.flip
    shift = torch.randint(0, 2 * config.pad + 1, (batch, 2), generator=generator)
    noise = draw_noise((batch, 3, *image_size), generator, device) if config.erase else None
    box = draw_boxes(batch, image_size, config.erase, generator)
    zoom = None
    if config.zoom:
        zoom = 1 + config.zoom * (2 * torch.rand(batch, 2, generator=generator) - 1)
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
    """Normal noise on a device. A GPU has its own generator, which starts from the same seed."""
    if device.type != generator.device.type:
        generator = torch.Generator(device).manual_seed(generator.initial_seed())
    return torch.randn(shape, generator=generator, device=device)


def draw_contrast(batch: int, std: float, generator: torch.Generator) -> Tensor | None:
    """(batch, 2) factors, log-normal, and summands, normal; None for a std of 0."""
    if not std:
        return None
    drawn = std * torch.randn(batch, 2, generator=generator)
    return torch.stack([drawn[:, 0].exp(), drawn[:, 1]], dim=1)


def draw_boxes(
    batch: int, image_size: tuple[int, int], chance: float, generator: torch.Generator
) -> Tensor:
    """(batch, 4) boxes of random erasing (Zhong et al., AAAI 2020): area and log aspect uniform,
    and the first of ten tries that fits is taken; all 0 where nothing is erased."""
    height, width = image_size
    tries = 10
    area = height * width * torch.empty(batch, tries).uniform_(*ERASE_AREA, generator=generator)
    log_aspect = torch.empty(batch, tries).uniform_(*np.log(ERASE_ASPECT), generator=generator)
    aspect = log_aspect.exp()
    box_height = (area * aspect).sqrt().round().long()
    box_width = (area / aspect).sqrt().round().long()
    fits = (box_height < height) & (box_width < width)
    erased = (torch.rand(batch, generator=generator) < chance) & fits.any(1)
    first = fits.long().argmax(1, keepdim=True)
    box_height, box_width = box_height.gather(1, first)[:, 0], box_width.gather(1, first)[:, 0]
    place = torch.rand(2, batch, generator=generator)
    top = (place[0] * (height - box_height + 1)).long()
    left = (place[1] * (width - box_width + 1)).long()
    return torch.stack([top, left, box_height, box_width], dim=1) * erased[:, None]


def augment(pictures: Tensor, drawn: Augmentation, pad: int) -> Tensor:
    """Flip, pad and crop, make grey, normalise, change contrast, zoom, erase.

    Args:
        pictures: (batch, 3, height, width) uint8, on the device.
        drawn: what happens to each, on the same device.
        pad: border in pixels on every side.

    Returns:
        (batch, 3, height, width) float32.
    """
    height, width = pictures.shape[-2:]
    for flip, axis in ((drawn.flip, -1), (drawn.flip_vertical, -2)):
        if flip is not None:
            pictures = torch.where(flip[:, None, None, None], pictures.flip(axis), pictures)
    if pad:
        crop = cropped_by_slices if pictures.device.type == "cpu" else cropped_by_index
        pictures = crop(F.pad(pictures, (pad, pad, pad, pad)), drawn.shift, (height, width))
    if drawn.grey is not None:
        pictures = torch.where(drawn.grey[:, None, None, None], luminance(pictures), pictures)
    images = normalise(pictures)
    if drawn.contrast is not None:
        factor, summand = drawn.contrast[..., None, None, None].unbind(1)
        images = images * factor + summand
    if drawn.zoom is not None:
        images = zoomed(images, drawn.zoom)
    if drawn.noise is None:
        return images
    return torch.where(inside(drawn.box, height, width)[:, None], drawn.noise, images)


def cropped_by_index(padded: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """Windows of (batch, 3, ...) pictures at (batch, 2) corners, in one operation that a GPU need
    not wait for."""
    height, width = size
    rows = shift[:, :1] + torch.arange(height, device=padded.device)
    columns = shift[:, 1:] + torch.arange(width, device=padded.device)
    index = torch.arange(len(padded), device=padded.device)[:, None, None]
    return padded[index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cropped_by_slices(padded: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """The same, a chip at a time: the CPU copies rows so, where an index copies pixel by pixel."""
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
