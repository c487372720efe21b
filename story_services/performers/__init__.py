"""Performers, and who of them plays which character in which script (castings)."""
