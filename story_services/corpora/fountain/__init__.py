"""Plays as Fountain 1.1, the plain text of screenwriters, without losing anything.

Guarantees: what `write_fountain` writes, `read_fountain` reads as the very same play, whatever
its texts hold; and what it cannot read whole it refuses by line, or lists among the gaps. Files
of other programs are read as the Fountain specification says, with the same care.
"""

from story_services.corpora.fountain.reader import read_fountain
from story_services.corpora.fountain.writer import write_fountain

__all__ = ["read_fountain", "write_fountain"]
