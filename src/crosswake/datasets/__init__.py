"""Readers: each yields the same validated tables of chips."""
