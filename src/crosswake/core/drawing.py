"""What all figures have in common."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def any_script() -> Iterator[None]:
    """Draw names in any script without warnings about letters that matplotlib's font lacks.

    In a PNG a box stands for each; in SVG text stays text, and the reader's own font shows it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
        yield
