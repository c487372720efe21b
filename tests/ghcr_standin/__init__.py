"""Registries that run on this machine, and images for them, small and of every form.

`contents` makes images, indexes and what refers to them; `shelf` serves them from memory, asks for
tokens as GHCR does and fails as planned; `real` is Debian's docker-registry behind TLS with a token
server. Never reaches a network; a log of requests holds no token, only whether one came.
"""

from tests.ghcr_standin.contents import Contents
from tests.ghcr_standin.shelf import Fault, Shelf, shelf

__all__ = ["Contents", "Fault", "Shelf", "shelf"]
