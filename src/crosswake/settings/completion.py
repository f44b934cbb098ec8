"""Settings of ``crosswake completion``."""

from dataclasses import dataclass, field
from typing import Literal

from crosswake.settings.common import BY_PLACE


@dataclass(frozen=True, kw_only=True)
class CompletionConfig:
    """Print a script with which the shell completes commands, options and their values. For bash:
    crosswake completion bash > ~/.local/share/bash-completion/completions/crosswake. For zsh, save
    it as _crosswake in a folder of $fpath."""

    shell: Literal["bash", "zsh"] = field(metadata=BY_PLACE)
    """The shell."""
