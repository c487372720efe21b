"""Who may do what: tokens, and GitHub's answers when one is missing, wrong or too weak.

Sources: docs.github.com/rest, "Permissions required for fine-grained personal access tokens" (the
permission of every route), "Scopes for OAuth apps" (classic tokens), "Troubleshooting the REST
API" (404 instead of 403 for what a token may not know of).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.github_standin.wire import Refused, error, not_found

if TYPE_CHECKING:
    from tests.github_standin.world import Repository

LEVELS = ("none", "read", "write")
#: What the README asks for, and nothing else.
EVERYTHING = {
    "metadata": "read", "secrets": "write", "variables": "write", "environments": "write",
    "administration": "write", "actions": "write", "attestations": "read",
    "dependabot_secrets": "write",
}  # fmt: skip


@dataclass
class Token:
    """A personal access token: classic when it has scopes, fine-grained when permissions.

    `repositories` are full names a fine-grained token was made for; None: all of its owner.
    """

    value: str
    login: str = "octocat"
    scopes: tuple[str, ...] | None = None
    permissions: dict[str, str] | None = None
    repositories: tuple[str, ...] | None = None
    user_id: int = 1

    def headers(self, need: Need) -> dict[str, str]:
        """The headers that tell what the token has and what the route wanted."""
        if self.scopes is not None:
            return {
                "X-OAuth-Scopes": ", ".join(self.scopes),
                "X-Accepted-OAuth-Scopes": ", ".join(need.scopes),
            }
        return {"X-Accepted-GitHub-Permissions": f"{need.permission}={need.level}"}


@dataclass(frozen=True)
class Need:
    """What a route asks for; `public` routes may be read by anyone on a public repository."""

    permission: str = "metadata"
    level: str = "read"
    scopes: tuple[str, ...] = field(default=("repo",))
    public: bool = False


def sees(token: Token | None, repository: Repository) -> bool:
    """Whether the repository exists as far as this token can tell."""
    if not repository.private:
        return True
    if token is None:
        return False
    if token.scopes is not None:
        return "repo" in token.scopes
    names = token.repositories
    return names is None or repository.full_name.lower() in {n.lower() for n in names}


def check(token: Token | None, need: Need, repository: Repository | None) -> None:
    """Refuse as GitHub does: 401 without a token, 403 for a weak one, 404 for the unseen."""
    if repository is not None and not sees(token, repository):
        raise Refused(not_found())
    if repository is None or (need.public and need.level == "read" and not repository.private):
        return
    if token is None:
        raise Refused(error(401, "Requires authentication"))
    if token.scopes is not None:
        if not set(need.scopes) & set(token.scopes):
            raise Refused(error(403, "Must have admin rights to Repository."))
        return
    names = token.repositories
    chosen = names is None or repository.full_name.lower() in {n.lower() for n in names}
    had = (token.permissions or {}).get(need.permission, "none") if chosen else "none"
    if LEVELS.index(had) < LEVELS.index(need.level):
        raise Refused(error(403, "Resource not accessible by personal access token"))
