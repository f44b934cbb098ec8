"""Where several processes run tests at once, each computes with one thread."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: threads of one process for each core would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
