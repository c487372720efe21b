"""Runs schemathesis over services that run, with all its checks, and tells what it found.

Its checks are all on. Two are stricter than it has them: invalid data must be refused as such,
not because something does not exist; and valid data may be refused for the documented rules only
that a schema cannot express (`contract_answers.RULES`), every one of which is counted.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.openapi.checks import RejectedPositiveData

from tests.services.contract_adapt import Adapter
from tests.services.contract_answers import Answers, documented
from tests.services.contract_gateway import KEY_HEADER, Behind
from tests.services.contract_world import World

_RAW = 4  # every fourth request is sent as generated: unknown ids, stale versions
_REFUSALS = ["400", "401", "405", "413", "415"]
_ANSWERS = ["2xx", "401", "404", "409"]


@dataclass
class Found:
    """What a run did and found."""

    failures: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def done(self) -> set[str]:
        """Operations that did what they are for, at least once."""
        return {label for label, mode, status in self.statuses if status < 300}


def fuzz(
    behind: Behind, phases: list[str], *, examples: int, seed: int, coverage: int = 100
) -> Found:
    """A run of these phases with so many examples of each operation; `coverage` is the share of
    the generated boundary cases that is sent, in percent."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "cache": {"enabled": False},
            "headers": {KEY_HEADER: behind.key},
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "checks": {
                "negative_data_rejection": {"expected-statuses": _REFUSALS},
                "positive_data_acceptance": {"expected-statuses": _ANSWERS},
            },
        }
    )
    config.projects.default.phases.update(phases=phases)
    schema = schemathesis.openapi.from_url(f"{behind.url}/openapi.json", config=config)
    found = Found()
    answers = Answers(schema.raw_schema)
    with behind.client() as client, _adapting(World(client)):
        schema.hooks.register_hook_with_name(_accepted(found), "filter_failure")
        schema.hooks.register_hook_with_name(_sample(coverage, seed), "filter_case")
        for event in from_schema(schema).execute():
            _note(event, found, answers)
    return found


def _note(event: Any, found: Found, answers: Answers) -> None:
    if isinstance(event, events.NonFatalError):
        found.failures.append(f"{event.label}: {event.value!r}"[:2000])
    elif isinstance(event, events.FatalError):
        raise event.exception
    elif isinstance(event, events.SchemaAnalysisWarnings):
        found.failures += [f"warning: {warning}" for warning in event.warnings]
    elif isinstance(event, events.EngineFinished):
        found.failures += [str(failure) for failure in event.failures]
    elif isinstance(event, events.ScenarioFinished):
        found.calls[event.phase.value] += len(event.recorder.interactions)
        _scenario(event.recorder, found, answers)


def _scenario(recorder: Any, found: Found, answers: Answers) -> None:
    for case_id, interaction in recorder.interactions.items():
        response, case = interaction.response, recorder.cases[case_id].value
        if response is None:
            continue
        label = case.operation.definition.raw["operationId"]
        mode = case.meta.generation.mode.value if case.meta else "probe"
        found.statuses[label, mode, response.status_code] += 1
        if response.content is not None and not getattr(response, "is_truncated", False):
            found.failures += [
                f"{label} {response.status_code}: {problem}"
                for problem in answers.problems(
                    label, response.status_code, response.headers, response.content
                )
            ]
        if mode == "negative" and _masked(case, response):
            told = f"{response.content!r}\n{case.body!r}"[:1000]
            found.failures.append(f"{label}: an invalid body got as far as the rules: {told}")
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.status != Status.SUCCESS:
                found.failures.append(_failure(recorder, case_id, check))


def _masked(case: Any, response: Any) -> bool:
    """Whether an invalid body was refused for another reason than its form."""
    if response.status_code != 400 or not _is_negative(case, "body"):
        return False
    return bool(response.json()["errorCode"] in ("unknown_reference", "refused_value"))


def _failure(recorder: Any, case_id: str, check: Any) -> str:
    info, interaction = check.failure_info, recorder.interactions.get(case_id)
    answer = interaction.response if interaction else None
    told = f"{answer.status_code} {answer.content[:500]!r}" if answer is not None else "no answer"
    what = f"{info.failure.message}\n{info.code_sample[:1500]}" if info else ""
    return f"{check.name}: {recorder.cases[case_id].value.operation.label}: {what}\n{told}"


def _accepted(found: Found) -> Callable[[Any, Any, Any, Any], bool]:
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        if isinstance(failure, RejectedPositiveData) and documented(
            response.status_code, response.content
        ):
            details = response.json()["details"]
            found.refused[re.sub(r"\d+", "n", details)[:100]] += 1
            return False
        if isinstance(failure, AcceptedNegativeData) and response.status_code == 404:
            return not _is_negative(case, "path")  # no such address, or no such thing
        return True

    return filter_failure


def _is_negative(case: Any, location: str) -> bool:
    parts = case.meta.components.items()
    return any(place.value == location and part.mode.is_negative for place, part in parts)


def _sample(percent: int, seed: int) -> Callable[[Any, Any], bool]:
    counts: Counter[str] = Counter()

    def filter_case(context: Any, case: Any) -> bool:
        if case.meta is None or case.meta.phase.name != TestPhase.COVERAGE:
            return True
        label = case.operation.label
        counts[label] += 1
        return zlib.crc32(f"{seed} {label} {counts[label]}".encode()) % 100 < percent

    return filter_case


@contextmanager
def _adapting(world: World) -> Iterator[None]:
    """Before it is sent, a request is made to speak of the world."""
    adapter, numbers = Adapter(world), itertools.count()

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        _adapt(adapter, case, next(numbers))

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


def _adapt(adapter: Adapter, case: Any, n: int) -> None:
    if case.meta is None or case.method.upper() != case.operation.method.upper():
        return
    if not _is_negative(case, "header") and case.headers.get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"{n}-{case.headers['Idempotency-Key']}"[:200]
    operation = case.operation.definition.raw["operationId"]
    stateful = case.meta.phase.name == TestPhase.STATEFUL
    raw = n % _RAW == 0
    if case.path_parameters and not _is_negative(case, "path"):
        path = case.path_parameters
        if stateful and case._override.path_parameters:  # it follows a link
            case.path_parameters = adapter.spared(operation, case.method, path)
        elif case.method != "GET" or not raw:
            case.path_parameters = adapter.path(operation, case.method, path)
    if raw or not case.meta.generation.mode.is_positive:
        return
    if case.headers.get("If-Match"):
        del case.headers["If-Match"]
    if case.query:
        case.query = adapter.query(case.query)
    if isinstance(case.body, dict):
        case.body = adapter.body(operation, case.body, case.path_parameters)
