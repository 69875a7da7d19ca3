"""Nested and flat named entity recognition for spaCy with the BINDER bi-encoder."""

__version__ = "0.1.0"
