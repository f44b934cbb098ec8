"""A sheet of simulated tiles: what the camera sees, what the radar sees, and the truth."""

from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import track
from crosswake.core.provenance import refuse_other
from crosswake.data.tiles import ROOF_TYPES
from crosswake.simulate.imaging import generator
from crosswake.simulate.parts import Array
from crosswake.simulate.preview import save_sheet
from crosswake.simulate.tile_imaging import SeenTile, image_tile
from crosswake.simulate.town import Town, build_town, roof_number

SHOWN_CITIES = ("Arvena", "Fjordal", "Dunmere", "Halvik")
PREVIEW_ROOF_COLOURS = (
    "9aa7b5 e2703a f2c14e 4fb3bf 7d5ba6 d1495b f7a1b1 66a182 ffe8a3 3a86c8 b5e48c c77dff"
)
"""Of the sheet, by roof type, in hex."""
SHOWN_SIZE = 512
SHOWN_HEIGHT = 40.0
"""Metres that are drawn brightest."""


def draw_towns(path: Path, *, seed: int = 0, overwrite: bool = False, quiet: bool = False) -> None:
    """Draw the sheet to ``path``: a column a city.

    Raises:
        CrosswakeError: the file does not end in .png, cannot be written, or is there and was not
            drawn with this seed (unless ``overwrite``).
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if path.suffix.lower() != ".png":
        raise CrosswakeError(f"--preview is {path}; name a file that ends in .png")
    origin = {"command": "buildings simulate", "seed": seed}
    refuse_other([path], origin, overwrite, "--preview")
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 8}):
        figure = Figure(figsize=(9.8, 7.6), dpi=100, facecolor="#0e1116")
        grid = figure.add_gridspec(
            3, 4, left=0.032, right=0.995, top=0.965, bottom=0.052, hspace=0.02, wspace=0.02
        )
        cities = track(SHOWN_CITIES, len(SHOWN_CITIES), "draw towns", "towns", quiet)
        for column, city in enumerate(cities):
            rng = generator(seed, 4, column)
            town = build_town(city, SHOWN_SIZE, ("pyramid_roof", "revolved"), rng)
            images = image_tile(town, city, rng)
            panels = (images.rgb, decibel_grey(images.sar), paint_truth(town))
            for line, panel in enumerate(panels):
                axes = figure.add_subplot(grid[line, column])
                axes.imshow(panel, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
                axes.set_axis_off()
                if line == 2:
                    draw_borders(axes, town)
                if line == 0:
                    title = caption_of(city, images)
                    axes.set_title(title, color="#dfe6ee", fontsize=7.5, loc="left", pad=4)
        for line, name in enumerate(("camera", "radar", "height and roof type")):
            figure.text(
                0.012, 0.82 - 0.31 * line, name, color="#8b98a8", fontsize=10, rotation=90,
                ha="center", va="center",
            )  # fmt: skip
        draw_roof_names(figure)
        save_sheet(figure, path, origin, colours=96, exact=bytes.fromhex(PREVIEW_ROOF_COLOURS))


def caption_of(city: str, images: SeenTile) -> str:
    """Name of a city, and how its tile was seen."""
    camera, radar = images.camera, images.radar
    look = "E" if np.degrees(radar.look) % 360 < 180 else "W"
    return (
        f"{city}: camera {np.degrees(camera.tilt):.0f}°, sun {np.degrees(camera.elevation):.0f}°, "
        f"radar {np.degrees(radar.incidence):.0f}° {look}"
    )


def decibel_grey(amplitude: Array) -> Array:
    """Amplitude as grey from 0 to 1, logarithmic, between the image's own percentiles."""
    level = 20 * np.log10(np.maximum(amplitude, 1e-3))
    low, high = np.percentile(level, (2, 99.3))
    return np.asarray(np.clip((level - low) / (high - low), 0, 1))


def roof_palette() -> Array:
    """(12, 3) a colour for each roof type."""
    return np.frombuffer(bytes.fromhex(PREVIEW_ROOF_COLOURS), np.uint8).reshape(-1, 3) / 255


def paint_truth(town: Town) -> Array:
    """(height, width, 3) heights as brightness, roof types as hue."""
    ids = town.ids[town.inner]
    kinds = np.array([0, *(roof_number(house) for house in town.houses)])[ids]
    bright = 0.35 + 0.65 * np.clip(town.building_height / SHOWN_HEIGHT, 0, 1) ** 0.5
    colours = roof_palette()[np.maximum(kinds, 1) - 1] * bright[..., None]
    return np.asarray(np.where((ids > 0)[..., None], colours, 0.045))


def draw_borders(axes: Any, town: Town) -> None:
    """Draw the borders between buildings."""
    ids = town.ids[town.inner]
    edges = np.zeros(ids.shape, bool)
    edges[1:] |= ids[1:] != ids[:-1]
    edges[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    veil = np.zeros((*ids.shape, 4))
    veil[edges] = (1, 1, 1, 0.75)
    axes.imshow(veil, interpolation="antialiased")


def draw_roof_names(figure: Any) -> None:
    """Names of the roof types in their colours."""
    from matplotlib.patches import Rectangle

    for number, (name, colour) in enumerate(zip(ROOF_TYPES, roof_palette(), strict=True)):
        words = name.replace("_roof", "").replace("_", " ")
        left = 0.032 + 0.0803 * number
        figure.add_artist(Rectangle((left, 0.026), 0.073, 0.014, color=colour))
        figure.text(left, 0.012, words, color="#dfe6ee", fontsize=7.5, va="center")
