"""How the services speak HTTP: the only place, besides routes and main, that knows FastAPI.

Guarantees for every request: an answer of the contract's shape with a request id, bounded body,
time and depth, one line in the log without anything a caller wrote, and numbers in `/metrics`.
"""
