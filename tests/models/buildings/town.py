"""Tiny made-up tiles: boxes with colours, shadows and bright edges in SAR."""

import torch

from crosswake.batches.tile_batch import TileBatch, TileTargets

CLASSES = {1: 12, 2: 1}


def small_town(
    tiles: int = 2, side: int = 64, track: int = 2, seed: int = 0
) -> tuple[TileBatch, TileTargets]:
    """Tiles of four buildings each, two of which touch."""
    generator = torch.Generator().manual_seed(seed)
    optical = 0.3 + 0.05 * torch.rand(tiles, 3, side, side, generator=generator)
    sar = 0.5 * torch.randn(tiles, 1, side, side, generator=generator)
    height = torch.zeros(tiles, side, side)
    boxes, labels, masks, covers = [], [], [], []
    unit = side // 16
    places = [(1, 1, 5, 6), (1, 6, 5, 11), (8, 2, 14, 7), (9, 10, 13, 14)]
    for tile in range(tiles):
        rows = []
        for top, left, bottom, right in places:
            mask = torch.zeros(side, side, dtype=torch.uint8)
            mask[top * unit : bottom * unit, left * unit : right * unit] = 1
            rows.append(mask)
        kinds = torch.randint(1, CLASSES[track] + 1, (4,), generator=generator)
        tall = torch.rand(4, generator=generator) * 15 + 4
        for mask, kind, metres in zip(rows, kinds, tall, strict=True):
            inside = mask.bool()
            optical[tile, :, inside] += (0.3 + 0.3 * kind / 12) * torch.rand(
                3, 1, generator=generator
            )
            sar[tile, 0, inside] += 1 + metres / 10
            height[tile][inside] = metres
        stacked = torch.stack(rows)
        masks.append(stacked)
        labels.append(kinds)
        covers.append(torch.ones(4))
        corners = [[left, top, right, bottom] for top, left, bottom, right in places]
        boxes.append(torch.tensor(corners).float() * unit)
    batch = TileBatch(
        optical=optical.clamp(0, 1),
        sar=sar,
        present=torch.ones(tiles, 2, dtype=torch.bool),
        valid=torch.ones(tiles, side, side, dtype=torch.bool),
    )
    ids = torch.stack([(mask * torch.arange(1, 5)[:, None, None]).amax(0) for mask in masks])
    targets = TileTargets(
        ids=ids.int(), boxes=boxes, labels=labels, masks=masks, covers=covers, height=height
    )
    return batch, targets
