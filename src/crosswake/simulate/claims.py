"""The ships of the simulated traffic, and what they say of themselves: names and numbers of AIS,
which may be another ship's."""

from dataclasses import dataclass

from crosswake.simulate.fleet import Vessel, draw_vessel
from crosswake.simulate.imaging import generator
from crosswake.simulate.traffic_settings import TrafficConfig

TRAFFIC_SHIP = 1_000_000
"""Second seed of a vessel; no ship of a fleet has it, so none of the traffic is one of a fleet,
whatever the seeds of both."""
TRAIN_SHARE = 1 / 3
"""Of the ships, for calibration; the others are to be found."""
NO_COUNTRY = "899"
"""First digits of an MMSI that no country has."""
FIRST_WORDS = (
    "Amber", "Azure", "Bright", "Coral", "Crystal", "Distant", "Eastern", "Emerald", "Fair",
    "Golden", "Grand", "Gentle", "Ivory", "Jade", "Lucky", "Northern", "Ocean", "Pacific", "Pearl",
    "Quiet", "Royal", "Sapphire", "Silver", "Southern", "Swift", "Western",
)  # fmt: skip
SECOND_WORDS = (
    "Albatross", "Aurora", "Breeze", "Comet", "Crane", "Dawn", "Dolphin", "Eagle", "Falcon",
    "Grace", "Harmony", "Heron", "Horizon", "Lantern", "Meridian", "Orchid", "Osprey", "Pioneer",
    "Plover", "Spirit", "Star", "Tide", "Trader", "Venture", "Voyager", "Wave",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """What a ship broadcasts."""

    name: str = ""
    mmsi: str = ""
    ship_type: str = ""


@dataclass(frozen=True)
class TrafficShip:
    """One ship of the traffic.

    Attributes:
        number: from 0.
        identity: the truth in tables.
        split: ``train``, or ``both`` of a ship that is to be found.
        vessel: what it looks like.
        own: its true name, MMSI and type.
        broadcast: what it says; of a silent ship, nothing.
    """

    number: int
    identity: str
    split: str
    vessel: Vessel
    own: Claim
    broadcast: Claim

    @property
    def says(self) -> str:
        """Whether its broadcast is ``true``, ``false`` or ``none``."""
        if not self.broadcast.mmsi:
            return "none"
        return "true" if self.broadcast == self.own else "false"


def build_ships(config: TrafficConfig, seed: int) -> list[TrafficShip]:
    """All ships, with exactly the shares of silent and false ones that are wanted in each split."""
    vessels = [draw_vessel(generator(seed, 1, one, TRAFFIC_SHIP)) for one in range(config.ships)]
    owns = claims_of(vessels, seed)
    train = round(config.ships * TRAIN_SHARE)
    rng, ships = generator(seed, 6), []
    for numbers in (range(train), range(train, config.ships)):
        count = len(numbers)
        order = rng.permutation(count)
        silent, false = round(config.silent * count), round(config.false_claims * count)
        for place, number in zip(order, numbers, strict=True):
            other = numbers[(number - numbers[0] + int(rng.integers(1, count))) % count]
            said = owns[other] if place < silent + false else owns[number]
            ships.append(
                TrafficShip(
                    number=number,
                    identity=f"T{seed}-{number:04d}",
                    split="train" if number < train else "both",
                    vessel=vessels[number],
                    own=owns[number],
                    broadcast=Claim() if place < silent else said,
                )
            )
    return ships


def claims_of(vessels: list[Vessel], seed: int) -> list[Claim]:
    """True names and numbers, each once."""
    rng = generator(seed, 7)
    names = [f"{first} {second}" for first in FIRST_WORDS for second in SECOND_WORDS]
    order = rng.permutation(len(names))
    first_mmsi = int(rng.integers(100_000, 800_000))
    return [
        Claim(
            name=names[order[number % len(names)]] + " II" * (number // len(names)),
            mmsi=f"{NO_COUNTRY}{(first_mmsi + 17 * number) % 1_000_000:06d}",
            ship_type=vessel.ship_type,
        )
        for number, vessel in enumerate(vessels)
    ]
