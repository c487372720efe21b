"""Characters, what they do and say, and how it may be said otherwise."""
