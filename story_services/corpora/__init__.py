"""Plays in and out of the forms in which they are written."""
