"""The service of characters: who there is, what they do and say, and how else it may be put."""

from __future__ import annotations

from story_services.characters.actions.routes import router as actions
from story_services.characters.batch.routes import router as batches
from story_services.characters.lines.routes import router as lines
from story_services.characters.paraphrases.routes import router as paraphrases
from story_services.characters.people.routes import router as people
from story_services.characters.words.routes import router as words
from story_services.common.http.documents import ServiceDefinition

DEFINITION = ServiceDefinition(
    name="characters",
    title="Characters",
    description="Characters, their actions and spoken words, and paraphrases of each of these.",
    tags={
        "Characters": "Who there is, and the cast of each script.",
        "Actions": "What is done: stage directions, entrances, exits.",
        "Spoken words": "What is said; each is one line.",
        "Lines": "Spoken words under the names lineId and content.",
        "Paraphrases": "Other wordings beside the originals.",
        "Batches": "Whole plays in few requests.",
    },
    version="1.0.0",
    routers=(people, actions, words, lines, paraphrases, batches),
)
