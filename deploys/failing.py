"""What a run says when hosts failed it. Pure: their names in, one sentence with the next step out.

pyinfra itself only says which part of the hosts it was; the reason stands above, host by host.
"""

from __future__ import annotations

from collections.abc import Collection


def sentence(failed: Collection[str], env: str, *, reached: bool) -> str:
    """`reached` is false when a host did not even let the run log in."""
    names = ", ".join(sorted(failed))
    if reached:
        return (
            f"{names} failed, for the reason above, and no further step was begun on any host; "
            "once the reason is gone run the same command again: it goes on from what is there"
        )
    return (
        f"{names} cannot be reached by SSH, so nothing was changed on any host; "
        f"`provision status --env {env}` shows whether it runs and `provision start` starts it, "
        "then run the same command again, or go on without it by --limit"
    )
