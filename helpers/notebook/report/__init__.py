"""A finished run as one page for people (``report.html``) and one file for machines."""

from .make import write
from .page import GENERATOR, render
from .texts import SECTIONS

__all__ = ["GENERATOR", "SECTIONS", "render", "write"]
