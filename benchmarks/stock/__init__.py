"""The benchmark's state by pyinfra's own operations."""
