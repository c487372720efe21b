"""Central Sequence: numbers, reordering, versions, undo.

The one service that knows every kind by its number and its versions, and none by its meaning.
"""
