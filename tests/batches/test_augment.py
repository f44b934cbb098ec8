import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as published

from crosswake.batches.augment import (
    Augmentation,
    augment,
    cropped_by_index,
    cropped_by_slices,
    draw_augmentation,
    draw_boxes,
    luminance,
    step_generator,
    zoomed,
)
from crosswake.batches.prepare import IMAGENET_MEAN, IMAGENET_STD
from crosswake.settings.train import AugmentConfig

SIZE = (32, 16)


def plan_of(flip: list[bool], shift: list[list[int]], box: list[list[int]]) -> Augmentation:
    noise = torch.randn(len(flip), 3, *SIZE, generator=torch.Generator().manual_seed(3))
    return Augmentation(
        flip=torch.tensor(flip),
        flip_vertical=torch.zeros(len(flip), dtype=torch.bool),
        shift=torch.tensor(shift),
        box=torch.tensor(box),
        noise=noise,
        zoom=None,
        grey=torch.zeros(len(flip), dtype=torch.bool),
        contrast=None,
    )


def test_each_chip_equals_the_published_transforms() -> None:
    """Flip, Pad, RandomCrop, ToTensor, Normalize of torchvision, given the same draws, pixel by
    pixel."""
    pad = 3
    pictures = torch.randint(
        0, 256, (4, 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    plan = plan_of([True, False, True, False], [[0, 6], [3, 3], [6, 0], [5, 2]], [[0, 0, 0, 0]] * 4)
    found = augment(pictures, plan, pad)
    for index in range(4):
        image = Image.fromarray(pictures[index].permute(1, 2, 0).numpy())
        image = published.hflip(image) if plan.flip[index] else image
        top, left = plan.shift[index].tolist()
        image = published.crop(published.pad(image, [pad] * 4), top, left, *SIZE)
        expected = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(published.to_tensor(image))
        torch.testing.assert_close(found[index], expected, rtol=0.0, atol=1e-6)


def test_the_box_is_noise_and_the_rest_is_not() -> None:
    pictures = torch.full((2, 3, *SIZE), 100, dtype=torch.uint8)
    plan = plan_of([False, False], [[0, 0], [0, 0]], [[4, 2, 5, 6], [0, 0, 0, 0]])
    found = augment(pictures, plan, 0)
    assert plan.noise is not None
    assert torch.equal(found[0, :, 4:9, 2:8], plan.noise[0, :, 4:9, 2:8])
    assert len(found[0, 0].unique()) == 5 * 6 + 1
    assert len(found[1, 0].unique()) == 1


def test_shares_of_a_batch_equal_the_whole() -> None:
    config = AugmentConfig()
    pictures = torch.randint(0, 256, (8, 3, *SIZE), dtype=torch.uint8)
    plan = draw_augmentation(8, SIZE, config, step_generator(0, 1, 2))
    whole = augment(pictures, plan, config.pad)
    for part in (slice(0, 4), slice(4, 8)):
        again = draw_augmentation(8, SIZE, config, step_generator(0, 1, 2)).rows(part)
        assert torch.equal(augment(pictures[part], again, config.pad), whole[part])


def test_draws_have_the_published_distribution() -> None:
    config = AugmentConfig(flip=0.5, pad=10, erase=0.5)
    count = 20_000
    generator = step_generator(7)
    plan = draw_augmentation(count // 100, SIZE, config, generator)
    assert plan.noise is not None
    assert plan.noise.std().item() == pytest.approx(1.0, abs=0.02)
    flips = torch.cat([draw_augmentation(100, (8, 8), config, generator).flip for _ in range(100)])
    assert flips.float().mean().item() == pytest.approx(0.5, abs=0.02)
    shifts = torch.cat(
        [draw_augmentation(100, (8, 8), config, generator).shift for _ in range(100)]
    )
    counts = torch.bincount(shifts.flatten(), minlength=21)
    assert (counts.float() / counts.sum()).sub(1 / 21).abs().max().item() < 0.006


def test_boxes_are_distributed_as_in_timms_random_erasing() -> None:
    """Compared with the field's implementation: chance, area and aspect of the boxes it draws."""
    from timm.data.random_erasing import RandomErasing

    torch.manual_seed(0)
    random.seed(0)
    size, count = (64, 32), 4000
    eraser: Any = RandomErasing(probability=0.5, mode="pixel", max_count=1, device="cpu")
    theirs = []
    for _ in range(count):
        mask = (eraser(torch.full((3, *size), 9.0)) != 9.0).any(0)
        rows, columns = mask.any(1).sum().item(), mask.any(0).sum().item()
        theirs.append((rows, columns))
    boxes = draw_boxes(count, size, 0.5, step_generator(1))[:, 2:]
    mine, other = boxes.numpy(), np.array(theirs)
    erased, erased_too = mine[:, 0] > 0, other[:, 0] > 0
    assert erased.mean() == pytest.approx(erased_too.mean(), abs=0.03)
    mine, other = mine[erased], other[erased_too]
    for left, right in (
        (mine[:, 0] * mine[:, 1], other[:, 0] * other[:, 1]),
        (mine[:, 0] / mine[:, 1], other[:, 0] / other[:, 1]),
    ):
        for share in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert np.quantile(left, share) == pytest.approx(np.quantile(right, share), rel=0.1)


def test_boxes_lie_inside() -> None:
    boxes = draw_boxes(5000, SIZE, 1.0, step_generator(2))
    top, left, height, width = boxes.T
    assert bool((top >= 0).all() and (left >= 0).all())
    assert bool((top + height <= SIZE[0]).all() and (left + width <= SIZE[1]).all())


def test_generators_differ_by_every_number() -> None:
    draws = [
        torch.rand(4, generator=step_generator(*numbers)).tolist()
        for numbers in [(0, 1, 2), (0, 2, 1), (1, 1, 2)]
    ]
    assert len({tuple(draw) for draw in draws}) == 3
    assert torch.rand(4, generator=step_generator(0, 1, 2)).tolist() == draws[0]


def test_zoom_scales_about_the_centre() -> None:
    image = torch.zeros(1, 1, 32, 16)
    image[:, :, 12:20, 6:10] = 1.0
    larger = zoomed(image, torch.tensor([[1.5, 1.0]]))[0, 0]
    assert larger.sum().item() == pytest.approx(1.5 * image.sum().item(), rel=0.02)
    assert larger[16 - 6 : 16 + 6, 6:10].min().item() > 0.7
    torch.testing.assert_close(zoomed(image, torch.ones(1, 2)), image)


def test_grey_chips_lose_their_colours_and_sar_loses_nothing() -> None:
    colours = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)
    radar = colours[:, :1].expand(-1, 3, -1, -1)
    assert torch.equal(luminance(radar).expand_as(radar), radar)
    plan = draw_augmentation(
        2, SIZE, AugmentConfig(flip=0, pad=0, erase=0, grey=1.0, zoom=0.2), step_generator(0)
    )
    assert plan.zoom is not None
    assert plan.grey is not None
    assert bool(plan.grey.all())
    assert bool(((plan.zoom - 1).abs() <= 0.2).all())
    image = augment(colours, replace(plan, zoom=None), 0)
    restored = (
        image * torch.tensor(IMAGENET_STD)[:, None, None]
        + torch.tensor(IMAGENET_MEAN)[:, None, None]
    )
    torch.testing.assert_close(restored[:, 0], restored[:, 2], rtol=0.0, atol=1e-6)


def test_upside_down_and_contrast_on_those_drawn() -> None:
    pictures = torch.randint(
        0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    plan = plan_of([False, False], [[0, 0], [0, 0]], [[0, 0, 0, 0]] * 2)
    plain = augment(pictures, plan, 0)
    changed = replace(
        plan,
        flip_vertical=torch.tensor([True, False]),
        contrast=torch.tensor([[2.0, 0.5], [1.0, 0.0]]),
    )
    found = augment(pictures, changed, 0)
    torch.testing.assert_close(found[0], 2 * plain[0].flip(-2) + 0.5)
    torch.testing.assert_close(found[1], plain[1])


def test_contrast_and_upside_down_are_drawn_as_set() -> None:
    config = AugmentConfig(contrast=0.2, flip_vertical=0.25)
    plan = draw_augmentation(4000, (4, 2), config, step_generator(0, 1))
    assert plan.contrast is not None
    assert plan.contrast[:, 0].log().std().item() == pytest.approx(0.2, rel=0.1)
    assert plan.contrast[:, 1].std().item() == pytest.approx(0.2, rel=0.1)
    assert plan.flip_vertical is not None
    assert plan.flip_vertical.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert draw_augmentation(4, (4, 2), AugmentConfig(), step_generator(0, 1)).contrast is None


def test_both_ways_to_crop_are_equal() -> None:
    padded = torch.randint(0, 256, (3, 3, 12, 9), dtype=torch.uint8)
    shift = torch.tensor([[0, 0], [4, 3], [2, 1]])
    found = cropped_by_slices(padded, shift, (8, 6))
    assert torch.equal(found, cropped_by_index(padded, shift, (8, 6)))
    assert torch.equal(found[1], padded[1, :, 4:12, 3:9])
