"""Settings of the evidence for and against a candidate."""

from dataclasses import dataclass

from crosswake.settings.common import check


@dataclass(frozen=True, kw_only=True)
class EvidenceConfig:
    """How evidence is weighed; part of the settings of the commands that do it."""

    max_speed: float = 30.0
    """Greatest speed of a ship, in knots. A sighting that would need more is no candidate."""
    position_error: float = 500.0
    """Error of a position, in metres, where the sighting does not say its own."""
    not_there: float | None = None
    """Prior probability that the ship is not in the gallery; by default the calibration's."""
    claim_ratio: float = 5.0
    """How many times likelier equal MMSI, IMO number or name are for one ship than for two."""
    type_ratio: float = 2.0
    """Likewise for an equal type of ship."""
    sea_routes: bool = False
    """Measure the way around land for the best candidates; needs the package searoute."""

    def __post_init__(self) -> None:
        check(0 < self.max_speed <= 1000, "max_speed", f"must be above 0, got {self.max_speed}")
        good = 0 < self.position_error < 1e7
        check(good, "position_error", f"must be above 0 m, got {self.position_error}")
        good = self.not_there is None or 0 < self.not_there < 1
        check(good, "not_there", f"must be between 0 and 1, got {self.not_there}")
        for name in ("claim_ratio", "type_ratio"):
            good = 1 <= getattr(self, name) <= 1e9
            check(good, name, f"must be 1 or more, got {getattr(self, name)}")
