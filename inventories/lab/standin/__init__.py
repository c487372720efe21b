"""The stand-in for Kong in rehearsals: a package of its own, never offered for production.

Kong cannot be had from a package registry; this small program does what the project uses of it, so
that the same deploy runs in the lab. Its name, its description and `kong version` say what it is.
"""
