"""World states: what holds in the world over a range of a story."""
