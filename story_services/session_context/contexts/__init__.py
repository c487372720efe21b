"""Contexts: what holds for a character over a range of a story."""
