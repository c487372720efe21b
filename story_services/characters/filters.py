"""What lists can be narrowed by, as parameters of a query string."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from story_services.common.http.types import QueryId, Text

OfScript = Annotated[QueryId | None, Field(description="Only of this script, in its order.")]
OfSection = Annotated[QueryId | None, Field(description="Only of this section, in its order.")]
OfCharacter = Annotated[QueryId | None, Field(description="Only of this character.")]
OfSpeech = Annotated[QueryId | None, Field(description="Only of this speech.")]
OfAction = Annotated[
    QueryId | None, Field(description="Only of this action, or what comes with it.")
]
Keyword = Annotated[
    Annotated[str, Text(200, 1)] | None,
    Field(description="Only with all these words, in any order and spelling.", examples=["ghost"]),
]
OfSpokenWord = Annotated[QueryId | None, Field(description="Only of this spoken line.")]
OfSession = Annotated[QueryId | None, Field(description="Only what was made for this session.")]
