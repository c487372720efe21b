"""What Core Script Management serves."""

from __future__ import annotations

from story_services.common.http.documents import ServiceDefinition
from story_services.core_script.remarks.routes import notes, transitions
from story_services.core_script.scripts.routes import router as scripts
from story_services.core_script.sections.routes import router as sections

DEFINITION = ServiceDefinition(
    name="core-script",
    title="Core Script Management",
    description="Scripts with their sections, transitions and notes. Everything is numbered, "
    "versioned and only ever deleted softly.",
    tags={
        "scripts": "Scripts, with their sections embedded.",
        "sections": "Section headings and their order.",
        "transitions": "How one part of a script leads to the next.",
        "notes": "Notes in a script, about anything in the story.",
    },
    version="1.0.0",
    routers=(scripts, sections, transitions, notes),
)
