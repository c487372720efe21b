"""Characters and the casts of scripts."""
