"""What failed on the way to GitHub, in words, from the exceptions of requests and urllib3. Pure.

Never shows what an exception says: a proxy's words may hold what it was sent.
"""

from __future__ import annotations


def trouble(error: Exception, host: str, timeout_s: int) -> tuple[str, bool]:
    """The words, and whether trying again can help."""
    names = {type(e).__name__ for e in _causes(error)}
    if isinstance(error, RuntimeError):
        return f"{host} leads to another address", False
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"{host} gave half an answer", True
    if names & {"SSLError", "SSLCertVerificationError"}:
        return f"the certificate of {host} is not trusted (the clock, or a proxy?)", False
    if names & {"NameResolutionError", "gaierror"}:
        return f"the name {host} is not found (no network, or DNS)", True
    if any("Timeout" in name for name in names):
        return f"{host} did not answer within {timeout_s} seconds", True
    return f"the connection to {host} failed", True


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything inside it: requests wraps urllib3, which wraps the socket's."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(found) < 20:
        here = todo.pop()
        if isinstance(here, BaseException) and here not in found:
            found.append(here)
            todo += [*here.args, getattr(here, "reason", None), here.__cause__, here.__context__]
    return found
