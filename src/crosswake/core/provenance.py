"""Where numbers come from: the command that made them, and the versions they depend on."""

import importlib.metadata
import platform
import shlex
import sys
from pathlib import Path

PACKAGES = ("crosswake", "torch", "torchvision", "timm", "numpy", "rasterio", "scikit-learn")


def command_line() -> str:
    """The command line of this process, as one would type it."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that numbers depend on."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
