"""What the gateway writes of each request: who, which address, how it ended. Pure.

Guarantees: no key, no query, no body and no other header of a client is in the line, whatever is
asked and whether or not a route matches; what a client sends is escaped as JSON. Kong's logging
plugins cannot promise that (see plugins.py), so nginx inside Kong writes it: kong.conf includes
this text (`nginx_http_include`) and names the format in `proxy_access_log`.
"""

from __future__ import annotations

from collections.abc import Mapping

from deploys.gateway.operations import Operation
from deploys.gateway.policy import Settings
from deploys.gateway.regexes import template

FORMAT = "story"
_SWITCH = "$story_logged"
_FIELDS = {  # JSON key: nginx variable; times in seconds
    "time": "$time_iso8601",
    "client": "$remote_addr",
    "consumer": "$story_consumer",
    "method": "$request_method",
    "path": "$story_path",
    "status": "$status",
    "bytes": "$body_bytes_sent",
    "seconds": "$request_time",
    "upstream": "$upstream_addr",
    "upstream_seconds": "$upstream_response_time",
    "request_id": "$story_request",
}


def directive(path: str) -> str:
    """The value of `proxy_access_log` in kong.conf for a log at `path`."""
    return f"{path} {FORMAT} if={_SWITCH}"


def include(settings: Mapping[Operation, Settings]) -> str:
    """nginx text for the http level: the format, and the operations that are not logged.

    An address without a route is logged as "-": what somebody put there may be anything. So is a
    consumer's name in a request that was not passed on, because then the client may have sent it.
    The address is taken from $request_uri: $uri is an error page's after a gateway error.
    """
    silent = sorted(_request(o) for o, chosen in settings.items() if not chosen.log)
    known = sorted({_path(o) for o, chosen in settings.items() if chosen.reachable})
    line = ", ".join(f'"{key}": "{variable}"' for key, variable in _FIELDS.items())
    return "\n".join(
        [
            "# Access log of the gateway: no key, no query, no body. Generated, do not edit.",
            f"log_format {FORMAT} escape=json '{{{line}}}';",
            *_map('"$request_method $request_uri"', _SWITCH, "1", dict.fromkeys(silent, "0")),
            *_map("$request_uri", "$story_path", '"-"', dict.fromkeys(known, "$story_match")),
            *_map("$upstream_addr", "$story_consumer", "$http_x_consumer_username", {"": '"-"'}),
            *_map("$sent_http_x_request_id", "$story_request", '"-"', {_ID: "$story_id"}),
            "",
        ]
    )


_ID = "^(?<story_id>[A-Za-z0-9._:#/+=-]{1,128})$"  # as the services take it


def _map(source: str, variable: str, default: str, values: Mapping[str, str]) -> list[str]:
    # nginx tries no regex on an empty value
    lines = [f'    "{"~" if regex else ""}{regex}" {value};' for regex, value in values.items()]
    return [f"map {source} {variable} {{", f"    default {default};", *lines, "}"]


def _regex(operation: Operation) -> str:
    return template(operation.path, operation.path_schemas()).regex.removesuffix("$")


def _path(operation: Operation) -> str:
    return f"^(?<story_match>{_regex(operation)})(?:[?]|$)"


def _request(operation: Operation) -> str:
    return f"^{operation.method} {_regex(operation)}(?:[?]|$)"
