"""Requests, answers and pages in the shapes of GitHub's REST API; no rule of any resource.

Sources: docs.github.com/rest, pages "Using pagination", "Troubleshooting", "API versions".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

DOCS = "https://docs.github.com/rest"
#: Versions the header X-GitHub-Api-Version may name; others are answered by 400.
API_VERSIONS = ("2022-11-28", "2026-03-10")
PER_PAGE, MOST_PER_PAGE = 30, 100


@dataclass
class Reply:
    """One answer. `body` is JSON unless it is bytes; `effect` says that the world has changed."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    effect: bool = False


class Refused(Exception):
    """Ends a request with its answer, wherever the reason was found."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def error(status: int, message: str, **more: Any) -> Reply:
    """GitHub's form of an error: message, documentation_url, and the status as text."""
    return Reply(
        status, {"message": message, **more, "documentation_url": DOCS, "status": str(status)}
    )


def not_found(message: str = "Not Found") -> Reply:
    return error(404, message)


def invalid(resource: str, fault: str, code: str = "invalid") -> Reply:
    """422 for a field that is missing or wrong."""
    errors = [{"resource": resource, "field": fault, "code": code}]
    return error(422, "Validation Failed", errors=errors)


def number(query: dict[str, str], name: str, default: int) -> int:
    """A positive whole number of the query; GitHub takes nonsense for the default."""
    text = query.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default


def page(
    url: str, query: dict[str, str], items: list[Any], per_page: int = PER_PAGE
) -> tuple[list[Any], dict[str, str]]:
    """The asked page and its Link header (none when everything fits), at most 100 a page."""
    size = min(number(query, "per_page", per_page), MOST_PER_PAGE)
    last = max(1, -(-len(items) // size))
    here = number(query, "page", 1)
    targets = {}
    if here > 1:
        targets |= {"prev": min(here - 1, last), "first": 1}
    if here < last:
        targets |= {"next": here + 1, "last": last}
    links = [
        f'<{url}?{urlencode(query | {"page": str(target)})}>; rel="{rel}"'
        for rel, target in targets.items()
    ]
    shown = items[(here - 1) * size : here * size]
    return shown, {"Link": ", ".join(links)} if links else {}
