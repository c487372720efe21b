"""A stand-in for Kong OSS 3.9 in rehearsals: the declarative file, routes, plugins, Status API.

Runs on a host from the standard library, h11 and PyYAML only. It is not Kong: it does what this
project uses of it, refuses what it does not know, and says its own name wherever it answers.
"""

KONG = "3.9.3"
VERSION = "3.9.3+standin1"
NAME = f"Kong stand-in for rehearsals {VERSION} (this is not Kong)"
#: What answers carry in Server and Via, where the settings leave those in.
TOKEN = f"kong/{VERSION}"
