"""Ranking, re-ranking, metrics, protocols and baselines: arrays in, arrays out."""
