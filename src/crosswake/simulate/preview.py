"""A contact sheet of the fleet: ships of several types, each seen twice by camera and twice by
radar."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text, refuse_other
from crosswake.data.chips import Modality
from crosswake.simulate.imaging import image_of, vessel_of
from crosswake.simulate.parts import Array
from crosswake.simulate.sightings import Sighting

PREVIEWED_TYPES = (
    "bulk carrier", "container ship", "tanker", "gas carrier",
    "car carrier", "general cargo", "warship", "passenger ship",
)  # fmt: skip
FLOOR_DB, CEILING_DB = -6.0, 31.0
"""Radar amplitudes that are shown black and white."""
COLOURS = 192
"""Of the PNG's palette; a quarter of the bytes of full colour, and it looks nearly the same."""
HOURS = (10, 13)
"""Local time of the two optical sightings, so that their shadows differ."""


def draw_preview(path: Path, *, seed: int = 0, overwrite: bool = False) -> None:
    """Draw the sheet to ``path``, about 1,600 pixels wide.

    Raises:
        CrosswakeError: the file does not end in .png, cannot be written, or is there and was not
            drawn with this seed (unless ``overwrite``).
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if path.suffix.lower() != ".png":
        raise CrosswakeError(f"--preview is {path}; name a file that ends in .png")
    origin = {"command": "simulate", "seed": seed}
    refuse_other([path], origin, overwrite, "--preview")
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 8}):
        figure = Figure(figsize=(16, 10.4), dpi=100, facecolor="#0e1116")
        outer = figure.add_gridspec(
            2, 4, left=0.01, right=0.99, top=0.955, bottom=0.03, hspace=0.1, wspace=0.04
        )
        caption = (
            "each ship: two optical sightings at 0.75 m, two radar sightings at 1 m (simulated)"
        )
        figure.text(0.988, 0.008, caption, color="#8b98a8", fontsize=10, ha="right", va="bottom")
        for number, ship_type in enumerate(PREVIEWED_TYPES):
            draw_ship(figure, outer[divmod(number, 4)], ship_type, number, seed)
    save_sheet(figure, path, origin)


def save_sheet(
    figure: Any, path: Path, origin: Origin, colours: int = COLOURS, exact: bytes = b""
) -> None:
    """Write a figure as a PNG of few colours that says what it was made from.

    Args:
        figure: the figure, of matplotlib.
        path: file to write.
        origin: what it was made from.
        colours: how many, chosen by what is there.
        exact: more colours, three bytes each, that must come out as they are.
    """
    import PIL.Image
    import PIL.PngImagePlugin

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100, facecolor=figure.get_facecolor())
    picture = PIL.Image.open(drawn).convert("RGB")
    few = picture.quantize(colours, kmeans=2, dither=PIL.Image.Dither.NONE)
    if exact:
        palette = PIL.Image.new("P", (1, 1))
        palette.putpalette(bytes(few.getpalette() or [])[: 3 * colours] + exact)
        few = picture.quantize(palette=palette, dither=PIL.Image.Dither.NONE)
    told = PIL.PngImagePlugin.PngInfo()
    told.add_text(ORIGIN_KEY, origin_text(origin))
    with replacing(path, "--preview") as part:
        few.save(part, format="png", optimize=True, pnginfo=told)


def draw_ship(figure: Any, cell: Any, ship_type: str, number: int, seed: int) -> None:
    """Four sightings of one ship side by side at one scale, with its type and size above."""
    vessel = vessel_of(sighting(number, 0), seed, ship_type)
    images = [image_of(sighting(number, index), vessel, seed) for index in range(4)]
    sizes = [
        (image.pixels.shape[0] * image.pixel, image.pixels.shape[1] * image.pixel)
        for image in images
    ]
    tallest = max(height for height, _ in sizes)
    inner = cell.subgridspec(1, 4, wspace=0.04, width_ratios=[width for _, width in sizes])
    for index, (image, (height, width)) in enumerate(zip(images, sizes, strict=True)):
        axes = figure.add_subplot(inner[index])
        shown = image.pixels if image.pixels.ndim == 3 else decibels(image.pixels)
        edge = (tallest - height) / 2
        extent = (0, width, edge + height, edge)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="bicubic")
        axes.set_ylim(tallest, 0)
        axes.set_axis_off()
        axes.set_anchor("N")
        if index == 0:
            title = f"{ship_type}, {vessel.length:.0f} × {vessel.beam:.0f} m"
            axes.text(
                0, 1.02, title, color="#dfe6ee", fontsize=11, transform=axes.transAxes, va="bottom"
            )


def sighting(number: int, index: int) -> Sighting:
    """One sighting for the sheet: two by camera, then two by radar."""
    rng = np.random.default_rng([number, index])
    return Sighting(
        identity=number,
        number=index + 1,
        scene=1,
        modality=Modality.OPTICAL if index < 2 else Modality.SAR,
        vessel=(number, 0),
        split="gallery",
        time=datetime(2026, 4, 10, HOURS[index % 2] - 8, tzinfo=UTC),
        lon=125.0,
        lat=29.0,
        heading=float(rng.uniform(0, 360)),
        speed=float(rng.choice([0.0, 7.0])),
    )


def decibels(amplitude: Array) -> Array:
    """Amplitude as grey from 0 to 1, logarithmic, from below the sea's level to the brightest
    points."""
    level = 20 * np.log10(np.maximum(amplitude, 1e-3) / 10.0)
    return np.asarray(np.clip((level - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0, 1))
