"""A page about what a pipeline finds and misses. It needs nothing but a browser."""

from .page import report_page

__all__ = ["report_page"]
