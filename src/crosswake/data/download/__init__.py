"""Data sets and weights fetched by name, verified and resumable."""
