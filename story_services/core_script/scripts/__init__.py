"""Scripts, with their sections embedded."""
