"""A map of simulated traffic: ports, ways of ships, what satellites saw, and when they passed."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, origin_text, refuse_other
from crosswake.data.chips import Modality
from crosswake.simulate.parts import Array
from crosswake.simulate.passes import Pass
from crosswake.simulate.sightings import START
from crosswake.simulate.traffic import GENERATOR, Traffic, plan_traffic
from crosswake.simulate.traffic_settings import TrafficConfig
from crosswake.simulate.waters import EAST, KM_A_DEGREE, NORTH, PORTS, SOUTH, WEST

SEA, MAP_INK, MAP_FAINT = "#0e1116", "#dfe6ee", "#8b98a8"
MODALITY_COLOURS = {Modality.OPTICAL: "#ffb454", Modality.SAR: "#4cc2ff"}
FOLLOWED = "#ff6b8b"
MAP_MARGIN = 0.2
"""Degrees of the map beyond the sea."""
MAP_COLOURS = 160
"""Of the PNG's palette."""


def draw_traffic(path: Path, config: TrafficConfig, seed: int = 0, overwrite: bool = False) -> None:
    """Draw the map to ``path``, 1,500 pixels wide.

    Raises:
        CrosswakeError: the file does not end in .png, cannot be written, or is there and was not
            drawn of this traffic (unless ``overwrite``).
    """
    import matplotlib as mpl
    import PIL.Image
    import PIL.PngImagePlugin

    if path.suffix.lower() != ".png":
        raise CrosswakeError(f"--preview is {path}; name a file that ends in .png")
    origin = {"command": "simulate", "generator": GENERATOR, "seed": seed, **asdict(config)}
    refuse_other([path], origin, overwrite, "--preview")
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": MAP_INK}):
        figure = draw_figure(plan_traffic(config, seed), config)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=100, facecolor=SEA)
    few = PIL.Image.open(drawn).convert("RGB").quantize(MAP_COLOURS, dither=PIL.Image.Dither.NONE)
    told = PIL.PngImagePlugin.PngInfo()
    told.add_text(ORIGIN_KEY, origin_text(origin))
    with replacing(path, "--preview") as part:
        few.save(part, format="png", optimize=True, pnginfo=told)


def draw_figure(traffic: Traffic, config: TrafficConfig) -> Any:
    """The map on the left; on the right when each satellite passed, and what one ship did."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8.4), facecolor=SEA)
    grid = figure.add_gridspec(
        2, 2, left=0.035, right=0.985, top=0.91, bottom=0.065, wspace=0.16, hspace=0.3,
        width_ratios=[1.06, 1],
    )  # fmt: skip
    number = most_seen(traffic)
    draw_sea(dark_axes(figure, grid[:, 0]), traffic, number)
    draw_passes(dark_axes(figure, grid[0, 1]), traffic, config.days)
    draw_ship_days(dark_axes(figure, grid[1, 1]), traffic, number, config.days)
    title = (
        f"{len(traffic.ships)} ships, {config.days:g} days, {len(traffic.passes)} passes, "
        f"{len(traffic.detections)} detections (simulated; ports and lanes are invented)"
    )
    figure.text(0.035, 0.955, title, fontsize=14, va="center")
    return figure


def dark_axes(figure: Any, cell: Any) -> Any:
    """Axes with faint edges on the dark ground."""
    axes = figure.add_subplot(cell, facecolor="#121821")
    axes.tick_params(colors=MAP_FAINT, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color("#2a3441")
    return axes


def most_seen(traffic: Traffic) -> int:
    """The ship with most detections, to be followed."""
    numbers = [one.sighting.identity for one in traffic.detections if one.identity]
    return int(np.bincount(numbers).argmax())


def draw_sea(axes: Any, traffic: Traffic, number: int) -> None:
    """Ports, ways, detections, one ship's way, and two swaths."""
    from matplotlib.patheffects import withStroke

    for voyage in traffic.voyages:
        axes.plot(voyage.lon, voyage.lat, color="#6f8096", lw=0.5, alpha=0.10, zorder=1)
    for modality, colour in MODALITY_COLOURS.items():
        places = places_of(traffic, modality)
        axes.scatter(*places.T, s=5, color=colour, lw=0, alpha=0.6, zorder=3,
                     label=f"{len(places):,} detections by {modality_name(modality)}")  # fmt: skip
        draw_swath(axes, clearest(traffic, modality), colour)
    ship, voyage = traffic.ships[number], traffic.voyages[number]
    axes.plot(voyage.lon, voyage.lat, color=FOLLOWED, lw=1.4, alpha=0.9, zorder=4,
              label=f"way of {ship.identity}, a {ship.vessel.ship_type}")  # fmt: skip
    seen = np.array([(one.lon, one.lat) for one in of_ship(traffic, number)])
    axes.scatter(*seen.T, s=34, facecolor="none", edgecolor=FOLLOWED, lw=1.2, zorder=5,
                 label="where it was seen")  # fmt: skip
    halo = [withStroke(linewidth=3, foreground=SEA)]
    for port in PORTS:
        marker = "D" if port.gate else "s"
        axes.plot(port.lon, port.lat, marker, color=MAP_INK, ms=6, mec=SEA, zorder=6)
        axes.annotate(port.name, (port.lon, port.lat), xytext=(0, 8), ha="center", fontsize=9,
                      textcoords="offset points", zorder=7, path_effects=halo)  # fmt: skip
    axes.set(
        xlim=(WEST - MAP_MARGIN, EAST + MAP_MARGIN),
        ylim=(SOUTH - 3 * MAP_MARGIN, NORTH + 2 * MAP_MARGIN),
    )
    axes.set_aspect(1 / np.cos(np.radians((SOUTH + NORTH) / 2)))
    axes.set_anchor("W")
    for axis, sign in ((axes.xaxis, "E"), (axes.yaxis, "N")):
        axis.set_major_formatter(lambda value, _, sign=sign: f"{value:g}°{sign}")
    legend = axes.legend(
        loc="lower center", ncols=2, fontsize=8, framealpha=0.85, labelcolor=MAP_INK
    )
    legend.get_frame().set(facecolor=SEA, edgecolor="#2a3441")
    legend.set_zorder(8)


def places_of(traffic: Traffic, modality: Modality) -> Array:
    """(n, 2) measured places."""
    found = [(one.lon, one.lat) for one in traffic.detections if one.sighting.modality is modality]
    return np.array(found).reshape(-1, 2)


def of_ship(traffic: Traffic, number: int) -> list[Any]:
    """Detections of one ship."""
    return [one for one in traffic.detections if one.sighting.identity == number and one.identity]


def modality_name(modality: Modality) -> str:
    """For the legend."""
    return "camera" if modality is Modality.OPTICAL else "radar"


def clearest(traffic: Traffic, modality: Modality) -> Pass | None:
    """The pass that saw most."""
    of_kind = [
        (count.seen, one.number - 1)
        for one, count in zip(traffic.passes, traffic.counts, strict=True)
        if one.satellite.modality is modality
    ]
    return traffic.passes[max(of_kind)[1]] if of_kind else None


def draw_swath(axes: Any, one: Pass | None, colour: str) -> None:
    """The strip of sea that a pass sees."""
    if one is None:
        return
    middle = (SOUTH + NORTH) / 2
    cosine, slope = np.cos(np.radians(middle)), np.tan(one.course)
    lat = np.array([SOUTH, NORTH])
    edges = [
        one.lon
        + (across / np.cos(one.course) + (lat - middle) * KM_A_DEGREE * slope)
        / KM_A_DEGREE
        / cosine
        for across in one.edges
    ]
    corners = [*zip(edges[0], lat, strict=True), *zip(edges[1][::-1], lat[::-1], strict=True)]
    axes.fill(*np.array(corners).T, color=colour, alpha=0.10, lw=0, zorder=2)
    axes.plot(*np.array([*corners, corners[0]]).T, color=colour, lw=0.8, alpha=0.7, zorder=2)
    name, corner = f"one pass of {one.satellite.name}", (min(edge[0] for edge in edges), SOUTH)
    axes.annotate(name, corner, xytext=(6, 5), textcoords="offset points", color=colour,
                  fontsize=8, zorder=7)  # fmt: skip


def draw_passes(axes: Any, traffic: Traffic, days: float) -> None:
    """A row a satellite, a dot a pass: its size is what was seen; hollow where clouds hid all."""
    names = sorted({one.satellite.name for one in traffic.passes}, reverse=True)
    for one, count in zip(traffic.passes, traffic.counts, strict=True):
        colour = MODALITY_COLOURS[one.satellite.modality]
        place = (one.hour / 24, names.index(one.satellite.name))
        if one.cloudy:
            axes.scatter(*place, s=30, facecolor="none", edgecolor=MAP_FAINT, lw=0.8)
        else:
            axes.scatter(*place, s=8 + 2 * count.seen, color=colour, lw=0, alpha=0.75)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, days), ylim=(-0.7, len(names) - 0.3))
    axes.set_title("passes: a dot's size is the ships that were seen; hollow: cloud",
                   loc="left", color=MAP_INK, fontsize=10)  # fmt: skip


def draw_ship_days(axes: Any, traffic: Traffic, number: int, days: float) -> None:
    """Speed of the followed ship, and when it was seen."""
    voyage, hours = traffic.voyages[number], np.arange(0, days * 24, 0.5)
    knots = np.array([voyage.motion(hour)[1] for hour in hours]) * 3.6 / 1.852
    hidden = np.array([voyage.state(hour) in ("port", "away") for hour in hours])
    axes.plot(hours / 24, knots, color=FOLLOWED, lw=1.2)
    axes.fill_between(hours / 24, 0, 1, hidden, transform=axes.get_xaxis_transform(),
                      color="#2a3441", alpha=0.5, lw=0)  # fmt: skip
    for one in of_ship(traffic, number):
        sighting = one.sighting
        day = (sighting.time - START).total_seconds() / 86_400
        axes.plot(day, sighting.speed * 3.6 / 1.852, "o", ms=6, mec=SEA,
                  color=MODALITY_COLOURS[sighting.modality])  # fmt: skip
    axes.set(xlim=(0, days), ylim=(-0.6, max(float(knots.max()) * 1.15, 1)))
    axes.set_xlabel("day", color=MAP_FAINT)
    axes.set_title(f"{traffic.ships[number].identity}: speed in knots, and when it was seen "
                   "(grey: in port or away)", loc="left", color=MAP_INK, fontsize=10)  # fmt: skip
