"""What the rehearsal concludes from its commands' output, above all that it does not look away."""

from __future__ import annotations

import json

import pytest

from inventories.lab import rehearsal_text as text
from inventories.lab.errors import LabError
from inventories.lab.step import Outcome


def outcome(*lines: str, changed: tuple[str, ...] = (), code: int = 0) -> Outcome:
    hosts = ["app-1", "search-1"]
    operation = {"success": list(changed), "no_change": [h for h in hosts if h not in changed]}
    data = json.dumps({"results": {"operations": [operation]}})
    return Outcome(code, list(lines), [data])


QUIET = ("[app-1] no changes (as left by run 1)", "[search-1] no changes (as left by run 1)")


def test_a_repeat_without_changes_is_counted_by_host() -> None:
    assert text.unchanged(outcome(*QUIET)) == "0 changes on 2 hosts"


@pytest.mark.parametrize(
    "seen",
    [
        outcome(*QUIET, changed=("app-1",)),
        outcome(QUIET[0], "[search-1] 1 change"),
        outcome(QUIET[0]),
        Outcome(0, list(QUIET), []),
    ],
    ids=["operation", "plan", "silent-host", "no-result"],
)
def test_a_repeat_that_changed_something_fails(seen: Outcome) -> None:
    with pytest.raises(LabError):
        text.unchanged(seen)


def test_a_dry_run_is_summed_up_by_host_and_needs_a_plan() -> None:
    assert text.dry_run(outcome("[app-1] 18 changes", QUIET[1])) == "changes: app-1 18, search-1 0"
    with pytest.raises(LabError, match="no plan"):
        text.dry_run(outcome("nothing of use"))


def test_a_verify_that_ran_nothing_fails() -> None:
    assert text.verified(outcome("74 passed, 1 skipped in 40.1s")) == "74 tests passed"
    with pytest.raises(LabError, match="no test ran"):
        text.verified(outcome("no tests ran in 0.1s"))


def test_a_plans_price_and_state_are_told() -> None:
    assert text.provision_plan(outcome("  total      17.00", code=2)) == (
        "changes pending, USD 17.00 a month"
    )


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("Imported in 10.2 s: script 1", "4,004 lines, imported in 10.2 s"),
        ("Already imported, nothing to do: script 1", "4,004 lines, already imported"),
    ],
)
def test_an_import_is_summed_up_by_what_was_read_back(how: str, told: str) -> None:
    read = "Read back in 741 ms (again: 299 ms): 20 scenes, 1,138 speeches, 4,004 spoken lines, ..."
    assert text.imported(outcome("$ story import hamlet", how, read)) == told
    for said in ((how,), (read,), ()):
        with pytest.raises(LabError, match="did not say"):
            text.imported(outcome(*said))


def test_an_image_is_told_by_the_beginning_of_its_digest() -> None:
    digest = "0123456789abcdef" * 4
    assert text.image(outcome("Building", f"10.83.1.1:5000/story@sha256:{digest}")) == (
        "sha256:0123456789ab"
    )
    with pytest.raises(LabError, match="which image"):
        text.image(outcome("Building"))
