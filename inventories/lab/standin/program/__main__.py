"""`python -m ... kong|nginx ARGUMENTS`: how the two installed commands begin."""

from __future__ import annotations

import sys

from .cli import kong, nginx

if __name__ == "__main__":
    sys.exit({"kong": kong, "nginx": nginx}[sys.argv[1]](sys.argv[2:]))
