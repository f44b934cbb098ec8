"""``python -m crosswake`` is the command ``crosswake``."""

import sys

from crosswake.cli.main import main

sys.exit(main())
