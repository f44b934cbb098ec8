"""What all figures have in common."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.figure import Figure


class Plot(Figure):
    """A matplotlib figure that a notebook shows as it is, without pyplot."""

    def _repr_png_(self) -> bytes:
        """What Jupyter asks for."""
        buffer = io.BytesIO()
        with any_script():
            self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()


@contextmanager
def any_script() -> Iterator[None]:
    """Draw names as they are: everything that is written into a figure is written in this block.

    ``$`` begins no formula, which matplotlib would read, and fail at, in names such as ``$hip_1``.
    There are no warnings about letters that its font lacks: in a PNG a box stands for each; in SVG
    text stays text, and the reader's own font shows it. Names still go through
    :func:`crosswake.core.text.cut_short`, for control characters and length.
    """
    import matplotlib as mpl

    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
        yield
