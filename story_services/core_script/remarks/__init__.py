"""Transitions and notes: elements of the story line that nobody says or does."""
