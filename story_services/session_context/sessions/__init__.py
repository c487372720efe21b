"""Sessions: their context, its revisions and its history."""
