"""The OpenAPI documents of the story services as files: the contract that clients read and the
gateway is made from. Pure: the same services give the same bytes in any process.
"""

from __future__ import annotations

from collections.abc import Sequence

from story_services.common.http.documents import ServiceDefinition, Whole, dumps
from story_services.common.http.documents import document as _document
from story_services.common.http.finishing import Document

__all__ = ["document", "documents", "dumps"]


def document(services: Sequence[ServiceDefinition], public_url: str | None = None) -> Document:
    """One document of all the services together; `public_url` is the server it names.

    ValueError for what breaks the contract's form (a description too long, an operation without
    a tag).
    """
    return _document(services, public_url, Whole())


def documents(
    services: Sequence[ServiceDefinition], public_url: str | None = None
) -> dict[str, Document]:
    """A document for each service, by its name."""
    return {service.name: _document([service], public_url) for service in services}
