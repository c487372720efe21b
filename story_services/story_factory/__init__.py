"""Story Factory: the story of a script put together in its order, searched, and exported.

Reads only what other services wrote, from the store and never from them; its one write is the
reorder of a script's story line.
"""
