"""What characters say, line by line."""
