"""Telling ships apart: `crosswake train` and `crosswake evaluate`."""
