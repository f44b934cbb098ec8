"""Optical-SAR pairs: one table, a reader for every layout, and the builder of OptiSar_Pair."""
