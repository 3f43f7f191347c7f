"""Teasel's search: what to try next, and remembering everything.  Importing this package imports nothing heavy."""

__version__ = "0.1.0"
