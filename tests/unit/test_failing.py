"""What is said of hosts that failed a run: which, what that means, what to do next."""

from __future__ import annotations

from deploys.failing import sentence


def test_a_host_that_is_away_is_named_with_the_way_to_start_it() -> None:
    told = sentence(["b-1", "a-1"], "lab", reached=False, others=True)
    assert told.startswith("a-1, b-1 cannot be reached by SSH, so nothing was changed")
    assert "`provision status --env lab`" in told
    assert "--limit" in told


def test_a_host_that_failed_a_step_is_named_and_the_same_command_goes_on() -> None:
    told = sentence({"a-1"}, "lab", reached=True, others=False)
    assert told.startswith("a-1 failed")
    assert "run the same command again" in told
