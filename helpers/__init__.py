"""Lip-sync library behind the notebooks. Its floor plan: docs/design.md."""

__version__ = "0.9.1"
