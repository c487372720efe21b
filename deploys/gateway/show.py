"""A comparison of what is wanted with what gateways have, as text for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploys.gateway.breaking import Finding
from deploys.gateway.compare_schemas import Level
from deploys.gateway.diff import Difference

_HEADINGS = {
    Level.BREAKING: "breaks clients of the applied documents",
    Level.POSSIBLE: "may break some clients",
    Level.INFO: "else in the documents",
}
_OPERATIONS = 3  # named in one line


@dataclass(frozen=True)
class Comparison:
    """One gateway host. `error` when it could not be asked; then nothing else is known."""

    host: str
    is_new: bool = False  # never converged
    differences: Sequence[Difference] = ()
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    error: str = ""

    @property
    def is_breaking(self) -> bool:
        return any(finding.breaking for finding in self.findings)

    @property
    def is_pending(self) -> bool:
        """Whether a converge would change the gateway."""
        return bool(self.is_new or self.differences or self.findings or self.notes)

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host, "new": self.is_new, "pending": self.is_pending,
            "breaking": self.is_breaking, "error": self.error or None,
            "differences": [difference.as_json() for difference in self.differences],
            "documents": [finding.as_json() for finding in self.findings],
            "notes": list(self.notes),
        }  # fmt: skip


def text(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Lines; what asks for a second look first."""
    for one in comparisons:
        yield f"{one.host}: {_verdict(one)}"
        yield from (f"  note: {note}" for note in one.notes)
        for difference in one.differences:
            yield f"  {difference.severity!s:>7}  {difference}"
        for level, heading in _HEADINGS.items():
            found = [finding for finding in one.findings if finding.level is level]
            if found:
                yield f"  {heading}:"
                yield from (f"    {line}" for line in _gathered(found))


def _verdict(one: Comparison) -> str:
    if one.error:
        return f"FAILED: {one.error}"
    if one.is_new:
        return "nothing is applied yet"
    if not one.is_pending:
        return "no difference"
    return "would change" + (", BREAKING its clients" if one.is_breaking else "")


def _gathered(findings: Sequence[Finding]) -> Iterator[str]:
    """The same change of a shared schema as one line with the operations it concerns."""
    same: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        key = (finding.service, finding.pointer, finding.what)
        same.setdefault(key, []).append(finding.operation)
    for (service, pointer, what), operations in same.items():
        shown = ", ".join(operations[:_OPERATIONS])
        more = len(operations) - _OPERATIONS
        yield f"{shown}{f' and {more} more' if more > 0 else ''}: {what} ({service} #{pointer})"


def exit_code(comparisons: Sequence[Comparison]) -> int:
    """0 nothing differs, 1 a host could not be asked, 2 something would change or break."""
    if any(one.error for one in comparisons):
        return 1
    return 2 if any(one.is_pending for one in comparisons) else 0
