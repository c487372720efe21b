"""What a run says when hosts failed it. Pure: their names in, one sentence with the next step out.

pyinfra itself only says which part of the hosts it was, or that none is left; the reason stands
above, host by host.
"""

from __future__ import annotations

from collections.abc import Collection


def sentence(failed: Collection[str], env: str, *, reached: bool, others: bool) -> str:
    """`reached` is false when a host did not even let the run log in; `others` says whether the run
    had hosts that did not fail, which it could go on with."""
    names = ", ".join(sorted(failed))
    if reached:
        return (
            f"{names} failed, for the reason above, and no further step was begun on any host; "
            "once the reason is gone run the same command again: it goes on from what is there"
        )
    return (
        f"{names} cannot be reached by SSH, so nothing was changed on any host; "
        f"`provision status --env {env}` shows whether it runs and `provision start` starts it, "
        f"then run the same command again{', or go on without it by --limit' if others else ''}"
    )
