"""Runs one variant and takes its time; counts its SSH channels in a run apart.

A run that fails or changes something ends the benchmark: its time would say nothing.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pexpect

from benchmarks.contenders import ROOT, Variant

LIMIT_S = 900


class BenchError(Exception):
    """A run that cannot be compared; the text says which and why."""


def execute(variant: Variant, env: Mapping[str, str]) -> tuple[float, str]:
    """(seconds, output) of a run from start to exit; BenchError unless it exits 0."""
    whole = {**env, **variant.env}
    start = time.monotonic()
    try:
        code, text = (_at_a_terminal if variant.prompt else _plain)(variant, whole)
    except (OSError, subprocess.TimeoutExpired, pexpect.ExceptionPexpect) as error:
        why = str(error).partition("\n")[0]
        raise BenchError(f"{variant.name} did not run to its end: {why}") from None
    took = time.monotonic() - start
    if code != 0:
        tail = "\n".join(text.strip().splitlines()[-15:])
        raise BenchError(f"{variant.name} ended with exit code {code}:\n{tail}")
    return took, text


def _plain(variant: Variant, env: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        variant.argv, cwd=variant.cwd, env=env, text=True, timeout=LIMIT_S, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def _at_a_terminal(variant: Variant, env: Mapping[str, str]) -> tuple[int, str]:
    child = pexpect.spawn(
        variant.argv[0], list(variant.argv[1:]), cwd=str(variant.cwd), env=dict(env),
        encoding="utf-8", timeout=LIMIT_S, dimensions=(50, 200),
    )  # fmt: skip
    child.delaybeforesend = None
    seen = []
    try:
        if child.expect([variant.prompt, pexpect.EOF]) == 0:
            seen.append(child.before)
            child.sendline("")
            child.expect(pexpect.EOF)
        seen.append(child.before)
    finally:
        child.close(force=True)
    code = child.exitstatus if child.exitstatus is not None else -(child.signalstatus or 1)
    return code, "".join(seen)


def timed(variant: Variant, env: Mapping[str, str]) -> float:
    """Seconds of a run that changed nothing; BenchError otherwise."""
    took, text = execute(variant, env)
    if not variant.unchanged(text):
        tail = "\n".join(text.strip().splitlines()[-40:])
        raise BenchError(f"{variant.name} was to change nothing, but did:\n{tail}")
    return took


def channels(variant: Variant, env: Mapping[str, str], hosts: int) -> float:
    """SSH channels per host in one run; the tests' own counter, loaded by Python itself."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "channels.json"
        path = f"{ROOT / 'tests/support'}:{env['PYTHONPATH']}"
        timed(variant, {**env, "COUNT_CHANNELS": str(out), "PYTHONPATH": path})
        # Behind a delaying proxy all hosts share one address, so the sum is what is comparable.
        return sum(json.loads(out.read_text()).values()) / hosts


def hang_up(scratch: Path) -> None:
    """End the connections that ansible-playbook left open, so that the next run dials anew."""
    for found in scratch.iterdir():
        if found.is_socket():
            argv = ["ssh", "-o", f"ControlPath={found}", "-O", "exit", "any"]
            subprocess.run(argv, capture_output=True, check=False)
