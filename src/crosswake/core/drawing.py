"""What all figures have in common."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def any_script() -> Iterator[None]:
    """Draw names in any script without a word about letters that the font lacks; a box stands for
    each.

    In SVG text stays text, so that the reader's own font shows what matplotlib's cannot.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
        yield
