"""The one error of the local node: a sentence for the person at the terminal."""

from __future__ import annotations


class LocalNodeError(Exception):
    """What happened to which node, and what to do or install next."""
