"""`story`: what a storyteller does from a terminal, all of it over the HTTP API of the services.

Exit codes: 0 done, 1 failed. Every expected failure is a sentence with what to do next, never a
traceback. Keys are read from files, never from the command line.
"""

from __future__ import annotations

import io
import os
import sys

import typer

from story_services.client import bringing, looking, migrating, serving
from story_services.client.console import Output
from story_services.client.errors import ClientError

_INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Plays as scripts: bring them in, read, search, change and give them out.",
)

app.command("serve")(serving.serve)
app.command("migrate")(migrating.migrate)
app.command("import")(bringing.import_play)
app.command("export")(bringing.export_script)
app.command("list")(looking.list_scripts)
app.command("read")(looking.read_story)
app.command("search")(looking.search)
app.command("changes")(looking.changes)
app.command("undo")(looking.undo)
app.command("redo")(looking.redo)


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):  # stories have letters that not every terminal has
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = typer.main.get_command(app).main(prog_name="story", standalone_mode=False)
        if code == _INTERRUPTED:
            raise ClientError("Interrupted.")
    except ClientError as failure:
        Output().fail(failure.what, failure.next_step)
        code = 1
    except BrokenPipeError:  # whoever reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        show = getattr(error, "show", None)  # the parser's own errors
        if show is None:
            raise
        show()
        code = 1
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
