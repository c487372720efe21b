"""The cors plugin: preflight requests are answered here, other answers carry the origin's fields.

From kong/plugins/cors/handler.lua. Fields are on every answer of the route, refusals included.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .headers import Headers
from .message import Answer, Request
from .plugin import Plugin

_PLAIN = re.compile(r"[A-Za-z0-9.:/-]+")


class Cors(Plugin):
    """One policy of origins, methods and fields."""

    name, priority = "cors", 2000

    async def access(self, request: Request) -> Answer | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or not request.headers.get("origin") or not asked:
            return None
        self.keep(request, "preflight")
        if self.config["preflight_continue"]:
            return None
        headers = Headers()
        self._origin(request, headers)
        wanted = request.headers.get("Access-Control-Request-Headers")
        if allowed := ",".join(self.config.get("headers") or []) or wanted:
            headers.set("Access-Control-Allow-Headers", allowed)
        headers.set("Access-Control-Allow-Methods", ",".join(self.config["methods"]))
        if self.config.get("max_age") is not None:
            headers.set("Access-Control-Max-Age", self.config["max_age"])
        private = request.headers.get("Access-Control-Request-Private-Network") == "true"
        if self.config["private_network"] and private:
            headers.set("Access-Control-Allow-Private-Network", "true")
        headers.set("Content-Length", 0)
        return Answer(200, headers)

    def respond(self, request: Request, answer: Answer) -> None:
        if self.kept(request) == "preflight":
            return
        if not request.headers.get("origin") and not self.config["allow_origin_absent"]:
            return
        self._origin(request, answer.headers)
        if exposed := self.config.get("exposed_headers"):
            answer.headers.set("Access-Control-Expose-Headers", ",".join(exposed))

    def _origin(self, request: Request, headers: Headers) -> None:
        origin = request.headers.get("origin")
        allowed = self._allowed(origin, headers)
        headers.remove("Access-Control-Allow-Origin")
        if allowed:
            headers.set("Access-Control-Allow-Origin", allowed)
        if not self.config["credentials"]:
            return
        if allowed == "*" and origin:
            headers.add("Vary", "Origin")
            headers.set("Access-Control-Allow-Origin", origin)
        if allowed != "*" or origin:
            headers.set("Access-Control-Allow-Credentials", "true")

    def _allowed(self, origin: str | None, headers: Headers) -> str | None:
        origins = self.config.get("origins") or ["*"]
        if origins == ["*"]:
            return "*"
        headers.add("Vary", "Origin")
        if len(origins) == 1 and _PLAIN.fullmatch(origins[0]):
            return str(origins[0])
        if origin is None:
            return None
        domain, host = _domain(origin)
        for entry in origins:
            if entry == "*":
                return "*"
            if _PLAIN.fullmatch(entry):
                if _domain(entry)[0] == domain:
                    return domain
            elif re.fullmatch(entry.strip("^").rstrip("$"), domain if ":" in entry else host):
                return domain
        return None


def _domain(origin: str) -> tuple[str, str]:
    """The origin without a port that its scheme implies, and its host."""
    parts = urlsplit(origin)
    if not parts.hostname:
        return origin, origin
    implied = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port and parts.port != implied else ""
    return f"{parts.scheme}://{parts.hostname}{port}", parts.hostname
