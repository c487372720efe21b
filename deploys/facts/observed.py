"""The one observation of a host: a single command, script and request by stdin."""

from __future__ import annotations

import json
from typing import Any

from pyinfra.api import FactBase, StringCommand
from typing_extensions import override

AGENT = "python3 -IS -"


class Observed(FactBase[dict[str, Any]]):
    """The agent's answer, as parsed JSON. Call it with `_stdin=script(query(roles))`."""

    @override
    def command(self) -> StringCommand:
        return StringCommand(AGENT)

    @staticmethod
    @override
    def default() -> dict[str, Any]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, Any]:
        # A login shell may speak before the agent does; the agent's line is the last.
        answer: dict[str, Any] = json.loads(output[-1])
        return answer
