"""The operations that the contract promises, and the names that clients of its earlier versions
call them by. Data only: each block is one service of the contract, each line its methods on one
path.
"""

from __future__ import annotations

_PROMISED = """
Central Sequence
POST GET            /sequence
GET                 /sequence/{elementType}/{elementId}
POST PUT            /sequence/reorder
POST GET            /sequence/version
GET                 /sequence/version/{elementType}/{elementId}/{n}
POST                /sequence/version/{elementType}/{elementId}/{n}/restore

Core Script Management
POST GET            /scripts
GET PUT PATCH DELETE /scripts/{scriptId}
GET POST PUT        /scripts/{scriptId}/sections
GET PUT PATCH DELETE /scripts/{scriptId}/sections/{headingId}
POST PUT            /scripts/{scriptId}/sections/reorder
GET POST            /scripts/{scriptId}/transitions
GET PUT PATCH DELETE /scripts/{scriptId}/transitions/{transitionId}
GET POST            /scripts/{scriptId}/notes
GET PUT PATCH DELETE /scripts/{scriptId}/notes/{noteId}

Session and Context
POST GET            /sessions
GET PUT PATCH DELETE /sessions/{sessionId}
GET PUT PATCH POST  /sessions/{sessionId}/context
GET                 /sessions/{sessionId}/context/history
GET POST            /contexts
GET PUT PATCH DELETE /contexts/{contextId}
GET POST            /worldStates
GET PUT PATCH DELETE /worldStates/{worldStateId}

Characters
GET POST            /characters
GET PUT PATCH DELETE /characters/{characterId}
GET                 /characters/scripts/{scriptId}
GET POST            /characters/{characterId}/paraphrases

Actions
GET POST            /actions
GET PUT PATCH DELETE /actions/{actionId}
GET POST            /actions/{actionId}/paraphrases

Spoken Words
GET POST            /spokenWords
GET PUT PATCH DELETE /spokenWords/{spokenWordId}
GET POST            /spokenWords/{spokenWordId}/paraphrases
GET POST            /lines
GET PUT PATCH DELETE /lines/{lineId}

Paraphrases
GET POST            /paraphrases
GET PUT PATCH DELETE /paraphrases/{paraphraseId}

Performers
GET POST            /performers
GET PUT PATCH DELETE /performers/{performerId}
GET POST            /castings
DELETE              /castings/{castingId}

Story Factory
GET                 /stories
GET                 /stories/sequences
POST                /stories/{scriptId}/reorder
GET                 /stories/export

Every service
GET                 /health
"""
#: (method, path with unnamed parameters)
PROMISED = {
    (method, path)
    for line in _PROMISED.splitlines()
    if "/" in line
    for *methods, path in [line.split()]
    for method in methods
}
#: What needs a model or a sound renderer comes later, and stays out until it works.
LATER = {
    "/characters/{characterId}/paraphrases/generate",
    "/actions/{actionId}/paraphrases/generate",
    "/spokenWords/{spokenWordId}/paraphrases/generate",
    "/query",
    "/stories/{scriptId}/orchestration",
    "/interact",
    "/system-prompt",
    "/services",
    "/logs",
}
#: operationId → method and path, as in the versions that its clients were made for.
NAMED = {
    "generateSequenceNumber": "POST /sequence",
    "reorderElements": "POST /sequence/reorder",
    "createVersion": "POST /sequence/version",
    "createScript": "POST /scripts",
    "listScripts": "GET /scripts",
    "getScriptById": "GET /scripts/{scriptId}",
    "updateScript": "PUT /scripts/{scriptId}",
    "addSectionHeading": "POST /scripts/{scriptId}/sections",
    "updateSectionHeading": "PUT /scripts/{scriptId}/sections",
    "reorderSectionHeadings": "POST /scripts/{scriptId}/sections/reorder",
    "createSession": "POST /sessions",
    "listSessions": "GET /sessions",
    "getSessionById": "GET /sessions/{sessionId}",
    "updateSession": "PUT /sessions/{sessionId}",
    "getSessionContext": "GET /sessions/{sessionId}/context",
    "listCharacters": "GET /characters",
    "createCharacter": "POST /characters",
    "getCharacterById": "GET /characters/{characterId}",
    "patchCharacter": "PATCH /characters/{characterId}",
    "updateCharacter": "PUT /characters/{characterId}",
    "listCharactersByScript": "GET /characters/scripts/{scriptId}",
    "listActions": "GET /actions",
    "createAction": "POST /actions",
    "getActionById": "GET /actions/{actionId}",
    "updateAction": "PUT /actions/{actionId}",
    "deleteAction": "DELETE /actions/{actionId}",
    "listSpokenWords": "GET /spokenWords",
    "createSpokenWord": "POST /spokenWords",
    "listCharacterParaphrases": "GET /characters/{characterId}/paraphrases",
    "createCharacterParaphrase": "POST /characters/{characterId}/paraphrases",
    "listActionParaphrases": "GET /actions/{actionId}/paraphrases",
    "createActionParaphrase": "POST /actions/{actionId}/paraphrases",
    "listSpokenWordParaphrases": "GET /spokenWords/{spokenWordId}/paraphrases",
    "createSpokenWordParaphrase": "POST /spokenWords/{spokenWordId}/paraphrases",
    "listLines": "GET /lines",
    "createLine": "POST /lines",
    "getLineById": "GET /lines/{lineId}",
    "updateLine": "PUT /lines/{lineId}",
    "listParaphrases": "GET /paraphrases",
    "createParaphrase": "POST /paraphrases",
    "getParaphraseById": "GET /paraphrases/{paraphraseId}",
    "updateParaphrase": "PUT /paraphrases/{paraphraseId}",
    "deleteParaphrase": "DELETE /paraphrases/{paraphraseId}",
    "listPerformers": "GET /performers",
    "createPerformer": "POST /performers",
    "getPerformerById": "GET /performers/{performerId}",
    "patchPerformer": "PATCH /performers/{performerId}",
    "getFullStory": "GET /stories",
    "getStorySequences": "GET /stories/sequences",
}
#: Fields that the contract names for what is sent and what comes back, by operationId:
#: parameters and body on the left, the answer on the right.
FIELDS = {
    "generateSequenceNumber": (
        "elementType elementId scriptId comment",
        "sequenceNumber elementType elementId scriptId versionNumber comment",
    ),
    "listSequenceNumbers": ("scriptId elementType limit offset", "sequenceNumber elementType"),
    "reorderElements": ("elementType elements scriptId comment", "message updatedElements comment"),
    "createVersion": (
        "elementType elementId newVersionData comment",
        "versionNumber elementType elementId sequenceNumber createdAt comment",
    ),
    "listVersions": ("elementType elementId limit offset", "versionNumber createdAt comment"),
    "getVersion": ("diff", "versionNumber data diff"),
    "createScript": (
        "title author description sections comment",
        "scriptId title author description sections E",
    ),
    "listScripts": (
        "author title characterId actionId sectionTitle q sortBy limit offset",
        "scriptId title author description sections E",
    ),
    "deleteScript": ("comment", ""),
    "addSectionHeading": (
        "title afterHeadingId comment",
        "headingId sectionId scriptId title sequence E",
    ),
    "updateSectionHeading": ("headingId title comment", "headingId scriptId sequence E"),
    "reorderSectionHeadings": (
        "elements withContents comment",
        "message updatedElements comment",
    ),
    "createTransition": ("description sectionId comment", "transitionId scriptId sectionId E"),
    "createNote": ("text targetType targetId", "noteId scriptId text targetType targetId E"),
    "createSession": (
        "userId name scriptId context comment",
        "sessionId userId name scriptId context contextEntries data revision versionNumber "
        "indexed createdAt updatedAt comment",
    ),
    "listSessions": ("context userId scriptId limit offset", "sessionId revision"),
    "patchSession": ("context data name scriptId ifRevision comment", "sessionId revision"),
    "getSessionContext": ("asOf", "sessionId context contextEntries data worldStates revision"),
    "listSessionContextHistory": ("limit offset q", "revision change comment createdAt"),
    "createContext": (
        "characterId data scriptId sessionId fromSequence toSequence comment",
        "contextId characterId data scriptId sessionId fromSequence toSequence",
    ),
    "listContexts": ("characterId scriptId sessionId", "contextId"),
    "createWorldState": (
        "kind description data scriptId sessionId fromSequence toSequence",
        "worldStateId kind description data scriptId sessionId fromSequence toSequence",
    ),
    "listWorldStates": ("kind scriptId sessionId atSequence", "worldStateId"),
    "createCharacter": (
        "name description scriptId scriptIds comment",
        "characterId name description scriptIds E",
    ),
    "listCharacters": ("scriptId q limit offset", "characterId"),
    "createAction": (
        "description characterId scriptId sectionId speechId comment",
        "actionId description characterId scriptId sectionId speechId E",
    ),
    "listActions": ("characterId scriptId sectionId speechId keyword limit offset", "actionId"),
    "createSpokenWord": (
        "text characterId scriptId sectionId speechId actionId comment",
        "dialogueId text characterId scriptId sectionId speechId actionId E",
    ),
    "listSpokenWords": (
        "characterId scriptId sectionId speechId actionId keyword limit offset",
        "dialogueId text",
    ),
    "createLine": (
        "content characterId speechId scriptId sectionId actionId comment",
        "lineId content E",
    ),
    "listLines": ("characterId speechId sectionId actionId keyword scriptId", "lineId content"),
    "createActionParaphrase": (
        "text commentary originalId style sessionId comment",
        "paraphraseId originalId originalType text commentary style sessionId contextRevision "
        "source E",
    ),
    "createParaphrase": ("originalType originalId text commentary comment", "paraphraseId E"),
    "listParaphrases": (
        "characterId actionId spokenWordId keyword originalType sessionId style limit offset",
        "paraphraseId originalType",
    ),
    "createPerformer": ("name comment", "performerId name E"),
    "listPerformers": ("characterId scriptId", "performerId name"),
    "createCasting": ("scriptId characterId performerId", "castingId"),
    "getFullStory": (
        "scriptId limit offset filterByCharacter characterId filterByContext sectionId sessionId "
        "paraphrased",
        "scriptId title author description sections story orchestration comment",
    ),
    "getStorySequences": ("scriptId startSequence endSequence", "scriptId sequences comment"),
    "reorderStory": ("elements comment", "message updatedElements comment"),
    "exportStory": ("scriptId format", ""),
}
ENVELOPE = "sequenceNumber versionNumber indexed createdAt updatedAt comment"
