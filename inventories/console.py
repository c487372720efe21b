"""How commands of a person end: an expected failure is a sentence and an exit code, no traceback.

Every command of the operator's ends here, so all of them mean the same by their exit codes: the
parser's own errors are 1, since 2 stands for changes that are pending.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.progress import Progress

INTERRUPTED = 130  # what typer makes of Ctrl-C


def run(app: typer.Typer, *, interrupted: str = "run the same command again") -> NoReturn:
    """Run the command line and exit; `interrupted` is the next step after Ctrl-C."""
    try:
        code = typer.main.get_command(app).main(standalone_mode=False)
        if code == INTERRUPTED:
            raise ProvisionError("interrupted", interrupted)
    except Exception as error:
        failure = expected(error)
        if failure is not None:
            Progress().fail(failure.what, failure.next_step)
            sys.exit(failure.exit_code)
        show = getattr(error, "show", None)  # the parser's own errors
        if show is None:
            raise
        show()
        code = 1
    sys.exit(code or 0)


def expected(error: Exception) -> ProvisionError | None:
    """The sentence for a failure that is no defect: ours, or one of this machine's files."""
    if isinstance(error, ProvisionError):
        return error
    if isinstance(error, SecretError):
        return ProvisionError(str(error))
    if isinstance(error, OSError):  # a full disk, a folder that is a file
        where = f"{error.filename}: " if error.filename else ""
        return ProvisionError(f"{where}{error.strerror or error}")
    return None
