"""The one error of this package: something that is not a play, or not one we can keep."""

from __future__ import annotations


class CorpusError(ValueError):
    """A play that is not there or does not read as one; the message says which and where.

    `place` is where in the play or file it is wrong (`line 12`, `elements[3].text`), if known.
    """

    def __init__(self, message: str, place: str = "", source: str = "") -> None:
        self.message, self.place, self.source = message, place, source
        super().__init__(": ".join(part for part in (source, place, message) if part))

    def of(self, source: str) -> CorpusError:
        """The same error of a named file; an error that names its file stays as it is."""
        return self if self.source else CorpusError(self.message, self.place, source)
