"""The benchmark's state as a role of this project."""
