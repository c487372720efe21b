"""Whole plays in few requests."""
