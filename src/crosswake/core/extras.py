"""Optional packages: imported where they are used; a missing one is a complaint of one line."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from crosswake.core.errors import CrosswakeError


def require(module: str, extra: str, purpose: str) -> Any:
    """An optional module.

    Args:
        module: its name, such as ``onnxruntime``.
        extra: the extra of this package that brings it, such as ``export``.
        purpose: what needs it, the beginning of the complaint.

    Raises:
        CrosswakeError: it is not installed; the line says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise CrosswakeError(
            f"{purpose} needs the package {missing}: pip install 'crosswake[{extra}]'"
        ) from error


def data_frame(columns: Mapping[str, Iterable[Any]]) -> Any:
    """A pandas DataFrame of columns of equal length; None becomes a missing value.

    Raises:
        CrosswakeError: pandas is not installed; it is optional.
    """
    require("pandas", "notebook", "a DataFrame")
    import pyarrow as pa

    return pa.table({name: list(values) for name, values in columns.items()}).to_pandas()
