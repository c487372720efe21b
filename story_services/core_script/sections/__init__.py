"""Section headings: their texts and, moved with what they contain, their order."""
