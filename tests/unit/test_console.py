"""How every command of the operator's ends, whatever happened in it."""

from __future__ import annotations

import sys

import pytest
import typer

from deploys.secrets import SecretError
from inventories import console
from inventories.errors import Locked, ProvisionError
from inventories.lab.errors import LabError


def ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, happens: BaseException
) -> tuple[int, str]:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def command() -> None:
        raise happens

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as stop:
        console.run(app, interrupted="go on like this")
    return int(stop.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("happens", "code", "said"),
    [
        (ProvisionError("it broke", "mend it"), 1, "it broke\nNext: mend it\n"),
        (Locked("another run is at work"), 3, "another run is at work\n"),
        (SecretError("no key here"), 1, "no key here\n"),
        (LabError("no lab here"), 1, "no lab here\n"),
        (
            OSError(28, "No space left on device", "/a/file"),
            1,
            "/a/file: No space left on device\n",
        ),
        (KeyboardInterrupt(), 1, "interrupted\nNext: go on like this\n"),
        (typer.Exit(2), 2, ""),
        (typer.BadParameter("not this"), 1, "not this"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_expected_end_is_a_sentence_and_its_code(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    happens: BaseException,
    code: int,
    said: str,
) -> None:
    got, text = ended(capsys, monkeypatch, happens)
    assert got == code
    assert said in text
    assert "Traceback" not in text


def test_a_defect_keeps_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden behind a sentence it would never be mended."""
    with pytest.raises(ZeroDivisionError):
        ended(capsys, monkeypatch, ZeroDivisionError())
