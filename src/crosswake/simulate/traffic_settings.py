"""How much traffic is simulated, and how hard it is to follow."""

from dataclasses import dataclass, fields

from crosswake.core.errors import CrosswakeError

FEWEST_SAILING = 6
SHARE_SETTINGS = ("cloud", "missed", "empty", "silent", "false_claims")


@dataclass(frozen=True, kw_only=True)
class TrafficConfig:
    """Ships that sail one sea for weeks, and the satellites that pass over it."""

    ships: int = 200
    """Ships of the traffic; with --traffic, as the options that follow. More of them in the same
    sea are harder to tell apart."""
    days: float = 21.0
    """How long they sail."""
    pass_hours: float = 6.0
    """Mean hours from one pass of a satellite to the next, half of them optical; longer leaves more
    ships that could have sailed there meanwhile."""
    cloud: float = 0.4
    """Share of the optical passes that clouds take away."""
    missed: float = 0.15
    """Share of the ships within a swath that the detector misses."""
    empty: float = 0.05
    """Share of the detections that show no ship."""
    silent: float = 0.3
    """Share of the ships that never broadcast who they are."""
    false_claims: float = 0.1
    """Share of the ships that broadcast the MMSI, name and type of another ship."""

    def __post_init__(self) -> None:
        refuse_unless(
            self.ships >= FEWEST_SAILING, "ships", f"must be at least {FEWEST_SAILING}", self.ships
        )
        refuse_unless(0.5 <= self.days <= 366, "days", "must be 0.5 to 366", self.days)
        refuse_unless(
            0.5 <= self.pass_hours <= 168, "pass_hours", "must be 0.5 to 168", self.pass_hours
        )
        for name in SHARE_SETTINGS:
            value = getattr(self, name)
            refuse_unless(0 <= value < 1, name, "must be at least 0 and less than 1", value)
        known = self.silent + self.false_claims <= 1
        refuse_unless(known, "false_claims", "with --silent must be at most 1", self.false_claims)

    def without_rest(self) -> "TrafficConfig":
        """These settings alone, of a command that has others too."""
        return TrafficConfig(**{one.name: getattr(self, one.name) for one in fields(TrafficConfig)})


def refuse_unless(good: bool, setting: str, rule: str, value: float) -> None:
    """Raise one line naming the setting unless ``good``."""
    if not good:
        raise CrosswakeError(f"--{setting}: {rule}, got {value:g}")
