"""Measures a model: exact ranking, the published protocols, baselines beside them, and a report."""
