"""Measures the fast paths beside the usual ones, in one run on one machine."""
