"""Optical-SAR pairs written to disk, with a journal and a manifest."""
