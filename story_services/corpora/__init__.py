"""Plays apart from any service: a model, and the forms in which they are written.

`read` and `write` are all that most callers need; a Play is in `model`, the error in `errors`.
"""

from story_services.corpora.errors import CorpusError
from story_services.corpora.files import FORMATS, read, write
from story_services.corpora.model import Play

__all__ = ["FORMATS", "CorpusError", "Play", "read", "write"]
