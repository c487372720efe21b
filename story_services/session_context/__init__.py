"""Sessions with their context, contexts of characters, and world states.

Each has a revision instead of a number: it is the version, so every change of any field is one
revision, and a session's context-changed event is that revision itself.
"""
