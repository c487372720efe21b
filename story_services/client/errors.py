"""The one error of the command line: a sentence for the person at the terminal.

`what` says what happened and where, `next_step` what to run or change now. Commands catch
`ClientError` alone; anything else is a defect and may show a traceback.
"""

from __future__ import annotations


class ClientError(Exception):
    """An expected failure."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


class Refused(ClientError):
    """An answer of the services that says no, with its HTTP status and errorCode; `replayed` if
    it was given to an earlier request under the same key, and may not hold any more."""

    def __init__(
        self, what: str, next_step: str, status: int, code: str, replayed: bool = False
    ) -> None:
        super().__init__(what, next_step)
        self.status = status
        self.code = code
        self.replayed = replayed


class Silent(ClientError):
    """No answer that could be used, for as long as it was worth trying."""
