"""The invented cities: how each is laid out, built, coloured and seen.

Splits are by city, so that a test city has never been seen in training.
"""

from dataclasses import dataclass, field

from crosswake.simulate.parts import Colour

REDS_OF_TILES: tuple[Colour, ...] = (
    (0.36, 0.15, 0.10),
    (0.42, 0.20, 0.13),
    (0.30, 0.13, 0.10),
    (0.40, 0.24, 0.18),
)
SLATES: tuple[Colour, ...] = ((0.13, 0.14, 0.16), (0.18, 0.18, 0.19), (0.22, 0.21, 0.22))
BROWNS: tuple[Colour, ...] = ((0.24, 0.18, 0.14), (0.30, 0.24, 0.19), (0.20, 0.16, 0.14))
CONCRETES: tuple[Colour, ...] = (
    (0.40, 0.39, 0.37),
    (0.32, 0.32, 0.31),
    (0.50, 0.48, 0.45),
    (0.25, 0.25, 0.25),
)
PALES: tuple[Colour, ...] = ((0.62, 0.60, 0.56), (0.70, 0.68, 0.65), (0.56, 0.52, 0.45))
SHEETS: tuple[Colour, ...] = (
    (0.16, 0.30, 0.48),
    (0.55, 0.56, 0.57),
    (0.42, 0.17, 0.13),
    (0.38, 0.42, 0.40),
    (0.66, 0.66, 0.64),
)
FACADES: tuple[Colour, ...] = (
    (0.48, 0.45, 0.40),
    (0.56, 0.54, 0.50),
    (0.40, 0.30, 0.25),
    (0.35, 0.36, 0.38),
    (0.52, 0.46, 0.36),
)
GREEN: Colour = (0.105, 0.155, 0.06)
DRY: Colour = (0.27, 0.24, 0.15)
SAND: Colour = (0.40, 0.33, 0.24)


@dataclass(frozen=True, kw_only=True)
class CityStyle:
    """What the tiles of one city have in common.

    Attributes:
        split: that all its tiles belong to.
        lat: degrees north, of its south-western corner.
        lon: degrees east.
        angle: of its streets, degrees clockwise from north.
        bend: how far streets swing from straight lines, metres.
        block: shortest and longest side of a block, metres.
        street: usual width of a street, metres.
        uses: relative areas of the ways that blocks are built on (simulate/plots.py).
        pitched: colours of sloping roofs.
        level: colours of flat roofs.
        storeys: factor on heights.
        green: 0 bare to 1 leafy.
        soil: colour of open ground.
        gabled: relative frequency of gable against hipped roofs, 0 to 1.
        look: direction in which the radar looks, degrees clockwise from north.
        incidence: of the radar, degrees.
        haze: mean haze, 0 to 1.
    """

    split: str
    lat: float
    lon: float
    angle: float
    bend: float
    block: tuple[float, float]
    street: float
    uses: dict[str, float]
    pitched: tuple[Colour, ...]
    level: tuple[Colour, ...] = CONCRETES
    storeys: float = 1.0
    green: float = 0.5
    soil: Colour = field(default=GREEN)
    gabled: float = 0.6
    look: float = 100.0
    incidence: float = 40.0
    haze: float = 0.2


def shares(**uses: float) -> dict[str, float]:
    """Relative areas; every city has a little of everything."""
    rare = {"houses": 0.05, "terraces": 0.04, "slabs": 0.04, "towers": 0.03, "perimeter": 0.03}
    return rare | {"industry": 0.05, "civic": 0.05, "park": 0.03, "bare": 0.02} | uses


CITIES: dict[str, CityStyle] = {
    "Arvena": CityStyle(
        split="train", lat=52.41, lon=13.12, angle=12, bend=6, block=(60, 130), street=12,
        uses=shares(perimeter=0.5, slabs=0.2), pitched=REDS_OF_TILES + SLATES, green=0.6,
        storeys=1.1, look=98, incidence=37,
    ),
    "Belmora": CityStyle(
        split="train", lat=-22.83, lon=-43.31, angle=-25, bend=22, block=(45, 90), street=8,
        uses=shares(terraces=0.5, towers=0.15), pitched=REDS_OF_TILES + BROWNS,
        level=CONCRETES + PALES, green=0.4, soil=DRY, look=262, incidence=33,
    ),
    "Corvale": CityStyle(
        split="train", lat=38.72, lon=-104.61, angle=0, bend=2, block=(70, 120), street=12,
        uses=shares(houses=0.65), pitched=BROWNS + SLATES, green=0.6, gabled=0.45,
        look=81, incidence=42,
    ),
    "Dunmere": CityStyle(
        split="train", lat=31.12, lon=121.2, angle=5, bend=4, block=(80, 140), street=15,
        uses=shares(slabs=0.35, towers=0.3, industry=0.15), pitched=SLATES + BROWNS, green=0.5,
        storeys=1.5, look=279, incidence=39, haze=0.45,
    ),
    "Eastmere": CityStyle(
        split="train", lat=48.55, lon=2.05, angle=38, bend=15, block=(50, 110), street=10,
        uses=shares(houses=0.3, terraces=0.3, perimeter=0.15), pitched=REDS_OF_TILES + BROWNS,
        green=0.75, gabled=0.75, look=100, incidence=45,
    ),
    "Fjordal": CityStyle(
        split="train", lat=59.05, lon=10.31, angle=-15, bend=26, block=(60, 110), street=9,
        uses=shares(houses=0.45, slabs=0.2), pitched=SLATES + REDS_OF_TILES, green=0.9,
        gabled=0.85, look=258, incidence=36, haze=0.15,
    ),
    "Garanta": CityStyle(
        split="train", lat=28.45, lon=77.0, angle=20, bend=18, block=(40, 80), street=7,
        uses=shares(terraces=0.45, industry=0.15, bare=0.08), pitched=CONCRETES + BROWNS,
        level=PALES + CONCRETES, green=0.3, soil=SAND, look=95, incidence=41, haze=0.5,
    ),
    "Halvik": CityStyle(
        split="train", lat=51.82, lon=4.4, angle=-40, bend=8, block=(70, 130), street=13,
        uses=shares(industry=0.4, terraces=0.25), pitched=REDS_OF_TILES + SLATES,
        level=CONCRETES + PALES, green=0.55, look=277, incidence=34, haze=0.25,
    ),
    "Ilmara": CityStyle(
        split="val", lat=41.2, lon=1.95, angle=45, bend=3, block=(80, 125), street=14,
        uses=shares(perimeter=0.4, houses=0.2, industry=0.1), pitched=REDS_OF_TILES + BROWNS,
        level=CONCRETES + PALES, green=0.4, soil=DRY, look=103, incidence=38,
    ),
    "Jorvale": CityStyle(
        split="val", lat=53.3, lon=-1.6, angle=18, bend=16, block=(55, 120), street=10,
        uses=shares(terraces=0.35, houses=0.25, slabs=0.1), pitched=SLATES + BROWNS, green=0.7,
        look=260, incidence=43, haze=0.3,
    ),
    "Kestona": CityStyle(
        split="test", lat=45.35, lon=9.05, angle=-8, bend=14, block=(55, 120), street=11,
        uses=shares(perimeter=0.25, houses=0.25, industry=0.15, slabs=0.12),
        pitched=REDS_OF_TILES + BROWNS, level=CONCRETES + PALES, green=0.55, gabled=0.5,
        look=97, incidence=35, haze=0.3,
    ),
    "Lumeria": CityStyle(
        split="test", lat=33.5, lon=-117.2, angle=28, bend=12, block=(60, 125), street=13,
        uses=shares(houses=0.4, towers=0.12, slabs=0.15), pitched=BROWNS + SLATES + REDS_OF_TILES,
        level=PALES + CONCRETES, green=0.4, soil=DRY, gabled=0.4, look=265, incidence=40,
    ),
}  # fmt: skip
SPLIT_SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def cities_of(split: str) -> list[str]:
    """Names of the cities of a split."""
    return [name for name, style in CITIES.items() if style.split == split]
