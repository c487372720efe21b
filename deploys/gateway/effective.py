"""The effective policy as a table: what the gateway asks of each operation, for people.

`python -m deploys.gateway.effective [policy.toml]` prints it for the project's own services; it
reads files and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from deploys.gateway.operations import GatewayError, Operation, operations
from deploys.gateway.policy import SHIPPED, Settings, effective, load

_HEAD = (
    "METHOD", "PATH", "OPERATION", "SERVICE", "KEY", "RATE", "BODY", "TIMEOUT", "CORS", "CACHE",
    "LOG",
)  # fmt: skip


def table(settings: Mapping[Operation, Settings]) -> str:
    """One line per operation, sorted by path and method; what is not reachable comes last."""
    order = sorted(settings, key=lambda o: (not settings[o].reachable, o.path, o.method))
    rows = [_HEAD, *(_row(operation, settings[operation]) for operation in order)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _row(operation: Operation, s: Settings) -> tuple[str, ...]:
    head = (operation.method, operation.path, operation.operation_id, operation.service)
    if not s.reachable:
        return (*head, "not reachable", *[""] * (len(_HEAD) - len(head) - 1))
    return (
        *head,
        "needed" if s.authentication == "key" else "NONE",
        _rate(s),
        f"{s.max_body_kb} kB",
        f"{s.timeout_ms.connect / 1000:g}+{s.timeout_ms.read / 1000:g} s",
        " ".join(s.cors) or "-",
        f"{s.cache_seconds} s" if s.cache_seconds else "-",
        "yes" if s.log else "no",
    )


def _rate(s: Settings) -> str:
    limits = ((s.rate_limit.minute, "min"), (s.rate_limit.hour, "h"))
    return " ".join(f"{limit}/{unit}" for limit, unit in limits if limit)


def main(arguments: list[str]) -> int:
    """Print the table; 1 and a sentence when the policy cannot be used."""
    from story_services.main import services  # the services' framework is needed here only
    from story_services.openapi import documents

    try:
        policy = load(Path(arguments[0]) if arguments else SHIPPED)
        found = policy.operations(operations(documents(services())))
        sys.stdout.write(table(effective(policy, found)))
    except GatewayError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
