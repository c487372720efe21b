"""Starts the workflow that builds the image, once, and finds the run that came of it.

GitHub makes the run a moment after it has answered. When the answer is lost, the list of runs is
watched first, and only when no new run shows is the workflow started again.
"""

from __future__ import annotations

import time
from urllib.parse import quote

from inventories.errors import ProvisionError
from inventories.github import Client, Json, Request

LOOKS = 10  # at the list of runs, `poll_s` apart


class Dispatcher:
    """One workflow file on one branch or tag of the client's repository."""

    def __init__(self, client: Client, workflow: str, ref: str) -> None:
        self._client, self._workflow, self._ref = client, workflow, ref
        # A run carries the short name, however the branch or tag was given.
        self._branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        self._path = f"/repos/{client.repository}/actions/workflows/{quote(workflow, safe='')}"
        self._told = f"{workflow} of {client.repository} on {ref}"

    def start(self) -> str | None:
        """Start the workflow. Returns the run's page; None when GitHub accepted it and shows no
        run yet. ProvisionError when it was not started, or when that cannot be told."""
        before = {str(run.get("id")) for run in self._runs()}
        started: list[Json] = []

        def done() -> bool:
            started[:] = self._new(before)
            return bool(started)

        body = {"ref": self._ref, "inputs": {}, "return_run_details": True}
        what, path = f"start {self._told}", f"{self._path}/dispatches"
        answer = self._client.send(Request("POST", path, what, "Actions: write", body), done)
        if answer and answer.get("html_url"):  # GitHub tells the run since February 2026
            return str(answer["html_url"])
        run = next(iter(started or self._new(before)), None)
        return str(run["html_url"]) if run and run.get("html_url") else None

    def _new(self, before: set[str]) -> list[Json]:
        """The run that was not there before, as soon as it shows."""
        for look in range(LOOKS):
            if look:
                time.sleep(self._client.poll_s)
            try:
                new = [run for run in self._runs() if str(run.get("id")) not in before]
            except ProvisionError as error:
                raise ProvisionError(
                    f"whether {self._told} was started is not known: {error.what}",
                    f"look at https://github.com/{self._client.repository}/actions first",
                ) from None
            if new:
                return new
        return []

    def _runs(self) -> list[Json]:
        """The newest runs that were started by hand on this branch or tag."""
        filters: dict[str, str | int] = {
            "event": "workflow_dispatch",
            "branch": self._branch,
            "per_page": 30,
        }
        what = f"list the runs of {self._told}"
        path = f"{self._path}/runs"
        found = self._client.get(Request("GET", path, what, "Actions: read", None, filters))
        runs = found.get("workflow_runs")
        if not isinstance(runs, list):
            raise self._client.odd(what)
        return [run for run in runs if isinstance(run, dict)]
