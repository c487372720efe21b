"""One repository at GitHub: reads its levels, and writes one thing at a time, each exactly once.

Every write names how its effect is recognised, for the case that its answer is lost. Makes
environments that are missing and never changes one that exists: a PUT would replace its
protection rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from deploys.secrets import Secret
from inventories.errors import ProvisionError
from inventories.github import Client, Json, Request
from inventories.repository.answers import Refusal
from inventories.repository.names import RECORD, stored
from inventories.repository.plan import REPOSITORY, Found

Done = Callable[[], bool]


class Hub:
    """The repository that `client` speaks about."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = client.repository
        self._root = f"/repos/{client.repository}"
        self._keys: dict[str, Json] = {}

    def check(self) -> Json:
        """The repository as GitHub describes it; an error when it moved or is archived. This
        request comes first: it tells a wrong token or name from everything else."""
        what = f"read the repository {self.name}"
        found = self._client.get(Request("GET", self._root, what, "Metadata: read"))
        now = found.get("full_name")
        if not isinstance(now, str):
            raise self._client.odd(what)
        if now.lower() != self.name.lower():
            raise ProvisionError(
                f"the repository {self.name} is called {now} now",
                f'write repository = "{now}" under [github] of inventories/site.toml',
            )
        if found.get("archived"):
            raise ProvisionError(f"{self.name} is archived, nothing can be written", "unarchive it")
        return found

    def environments(self) -> list[str]:
        """Names of all environments."""
        what = f"list the environments of {self.name}"
        path = f"{self._root}/environments"
        rows = self._client.pages(Request("GET", path, what, "Actions: read"), "environments")
        return [str(row.get("name", "")) for row in rows]

    def found(self, level: str) -> Found:
        """A level that exists, as it is now."""
        texts = {stored(str(r["name"])): str(r["value"]) for r in self._list(level, "variables")}
        return Found(level, True, self.updated(level), texts)

    def updated(self, level: str) -> Mapping[str, str]:
        """When each secret of a level was last written, by name."""
        rows = self._list(level, "secrets")
        return {stored(str(r["name"])): str(r["updated_at"]) for r in rows}

    def create_environment(self, level: str) -> None:
        """Make an environment without protection rules, unless there is one by now."""
        path = f"{self._root}/environments/{quote(level, safe='')}"
        look = Request("GET", path, f"look for the environment {level}", "Actions: read")
        if self._client.find(look) is not None:
            return
        make = Request("PUT", path, f"make the environment {level}", "Administration: write")
        self._client.send(make, lambda: self._client.find(look) is not None)

    def put_secret(self, level: str, name: str, value: Secret, before: str | None) -> None:
        """Seal and write a secret. `before` is its `updated_at` so far, None if it is new: another
        one shows that a write had its effect. Twice in one second looks like none and is written
        again, which changes nothing."""
        look = self._one(level, "secrets", name, "read")

        def done() -> bool:
            now = self._client.find(look)
            return now is not None and now.get("updated_at") != before

        key = self._key(level)
        try:
            self._put(level, name, value, key, done)
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            del self._keys[level]  # GitHub may have another key by now
            if (fresh := self._key(level)) == key:
                raise
            self._put(level, name, value, fresh, done)

    def delete_secret(self, level: str, name: str) -> None:
        self._delete(level, "secrets", name)

    def put_variable(self, level: str, name: str, text: str, *, exists: bool) -> None:
        """Write a variable, new or not."""
        look = self._one(level, "variables", name, "read")

        def done() -> bool:
            now = self._client.find(look)
            return now is not None and now.get("value") == text

        body = {"name": name, "value": text}
        change = self._one(level, "variables", name, "write", "PATCH", body)
        if exists:
            self._client.send(change, done)
            return
        path, _ = self._place(level, "variables")
        try:
            self._client.send(Request("POST", path, change.what, change.need, body), done)
        except Refusal as refusal:
            if refusal.status != 409:
                raise
            self._client.send(change, done)  # somebody made it meanwhile

    def put_record(self, level: str, text: str, *, exists: bool) -> None:
        self.put_variable(level, RECORD, text, exists=exists)

    def delete_variable(self, level: str, name: str) -> None:
        self._delete(level, "variables", name)

    def _put(self, level: str, name: str, value: Secret, key: Json, done: Done) -> None:
        body = {"encrypted_value": self._client.seal(key, value), "key_id": key.get("key_id")}
        self._client.send(self._one(level, "secrets", name, "write", "PUT", body), done)

    def _key(self, level: str) -> Json:
        if level not in self._keys:
            path, need = self._place(level, "secrets")
            what = f"read the public key of {level or self.name}"
            request = Request("GET", f"{path}/public-key", what, f"{need}: read")
            self._keys[level] = self._client.get(request)
        return self._keys[level]

    def _delete(self, level: str, sort: str, name: str) -> None:
        """Delete; what is gone already is as it should be."""
        look = self._one(level, sort, name, "read")
        request = self._one(level, sort, name, "write", "DELETE")
        try:
            self._client.send(request, lambda: self._client.find(look) is None)
        except Refusal as refusal:
            if refusal.status != 404 or self._client.find(look) is not None:
                raise

    def _one(
        self, level: str, sort: str, name: str, right: str, verb: str = "GET",
        body: Json | None = None,
    ) -> Request:  # fmt: skip
        path, need = self._place(level, sort)
        doing = {"GET": "look at", "DELETE": "remove"}.get(verb, "write")
        where = f" of the environment {level}" if level else ""
        what = f"{doing} the {sort[:-1]} {name}{where}"
        return Request(verb, f"{path}/{name}", what, f"{need}: {right}", body)

    def _list(self, level: str, sort: str) -> list[Json]:
        path, need = self._place(level, sort)
        what = f"list the {sort} of {f'the environment {level}' if level else self.name}"
        rows = self._client.pages(Request("GET", path, what, f"{need}: read"), sort)
        wanted = ("name", "value" if sort == "variables" else "updated_at")
        if not all(isinstance(row, dict) and wanted[0] in row and wanted[1] in row for row in rows):
            raise self._client.odd(what)
        return rows

    def _place(self, level: str, sort: str) -> tuple[str, str]:
        """The path of a list, and the permission for what is in it."""
        if level == REPOSITORY:
            return f"{self._root}/actions/{sort}", sort.capitalize()
        return f"{self._root}/environments/{quote(level, safe='')}/{sort}", "Environments"
