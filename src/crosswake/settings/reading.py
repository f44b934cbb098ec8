"""Settings of the commands that read images: what their files do not say."""

from dataclasses import dataclass

from crosswake.data.chips import Reading, SarBand
from crosswake.settings.common import check


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """A command that reads images."""

    sar_band: SarBand | None = None
    """Band of SAR files with several: vv, vh, hh, hv, a number from 1, mean of all, or iq for the
    amplitude of real and imaginary parts; by default VV, else HH, else the first."""

    @property
    def reading(self) -> Reading:
        """How files are read.

        Raises:
            CrosswakeError: the band is none.
        """
        number = self.sar_band if isinstance(self.sar_band, int) else 1
        check(number >= 1, "sar_band", f"bands are counted from 1, got {number}")
        return Reading(sar_band=self.sar_band)
