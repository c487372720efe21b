"""What characters do."""
