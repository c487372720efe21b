"""The publishing steps of images.yml, as they stand there, against a registry that is one.

The scripts come from the workflow's own text, bash and skopeo are real, and so is Debian's
docker-registry behind TLS with tokens. Whatever a script may read is given here: nothing of this
machine's logins, proxies or authorities.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from inventories.lab import machine
from tests.ghcr_standin import Contents
from tests.ghcr_standin.contents import SLSA, SPDX, digest_of
from tests.ghcr_standin.real import Real, registry
from tests.lints.workflow_rules import document
from tests.provision.conftest import SITE

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
PUBLISH = document((ROOT / ".github/workflows/images.yml").read_text())["jobs"]["publish"]
SHA = "0123456789abcdef0123456789abcdef01234567"
OWN_TAG = "run-41.2-0123456789ab"
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Run:
    """One run of the workflow: its folder, the registry, the image's name and tested digest."""

    folder: Path
    real: Real
    repository: str
    contents: Contents
    digest: str

    @property
    def image(self) -> str:
        return f"{self.real.host}/{self.repository}"

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()

    def step(self, name: str, *, digest: str = "", attested: str = "skipped", **more: str) -> Done:
        """A step by its name, in the shell that the workflow asks for; `more` for its variables."""
        (step,) = (step for step in PUBLISH["steps"] if step["name"] == name)
        known = {
            "${{ steps.name.outputs.image }}": self.image,
            "${{ needs.test.outputs.digest }}": digest or self.digest,
            "${{ steps.attest.outcome }}": attested,
        }
        github = {
            "GITHUB_RUN_NUMBER": "41", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": SHA,
            "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": "Owner/Project", "GITHUB_REPOSITORY_OWNER": "Owner",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "output"), "RUNNER_TEMP": str(self.folder),
        }  # fmt: skip
        given = {key: known[value] for key, value in step.get("env", {}).items()}
        system = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env=system | github | given | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask(self, path: str) -> httpx.Response:
        """What the registry itself says to somebody who may read."""
        headers = {
            "Authorization": self.real.bearer(f"repository:{self.repository}:pull"),
            "Accept": ", ".join({media for media, _ in self.contents.manifests.values()}),
        }
        address = f"{self.real.inner}/v2/{self.repository}/{path}"
        return httpx.get(address, headers=headers, trust_env=False)

    def tags(self) -> Mapping[str, str]:
        """Tag -> digest of the bytes that the registry gives for it."""
        answer = self.ask("tags/list")
        names = (answer.json().get("tags") or []) if answer.status_code == 200 else []
        return {name: digest_of(self.ask(f"manifests/{name}").content) for name in names}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    machine.install(lambda _: None, {"skopeo": "skopeo"})
    with registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def run(real: Real, tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Built, tested, fetched and logged in: what the steps before have left."""
    contents = Contents()
    part = contents.image(created="2026-02-01T00:00:00Z", revision=SHA, salt=request.node.name)
    digest = contents.index({"linux/amd64": part}, predicates=(SLSA, SPDX))
    archive(tmp_path / "story.tar", contents, digest)
    trust = tmp_path / ".config/containers/certs.d" / real.host
    trust.mkdir(parents=True)
    shutil.copy2(real.ca, trust / "ca.crt")
    policy = {"default": [{"type": "insecureAcceptAnything"}]}  # as Debian and Ubuntu have it
    (tmp_path / ".config/containers/policy.json").write_text(json.dumps(policy))
    (tmp_path / ".docker").mkdir()  # where docker/login-action leaves it
    login = "Y2k6cHVzaC10b2tlbg=="  # ci and its password, which are made up
    (tmp_path / ".docker/config.json").write_text(
        json.dumps({"auths": {real.host: {"auth": login}}})
    )
    real.log.clear()
    repository = "owner/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return Run(tmp_path, real, repository, contents, digest)


def archive(file: Path, contents: Contents, digest: str) -> None:
    """An OCI archive as buildx writes it: index.json names one index, which has everything."""
    entry = contents.descriptor(contents.manifests[digest][0], digest)
    top = {"schemaVersion": 2, "manifests": [entry]}
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(top).encode(),
    }
    blobs = contents.blobs | {name: raw for name, (_, raw) in contents.manifests.items()}
    files |= {f"blobs/{name.replace(':', '/')}": raw for name, raw in blobs.items()}
    with tarfile.open(file, "w") as tar:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))


def provision(project: Path, real: Real, command: str) -> Done:
    """A command of the summary, run as a person would in a project of their own."""
    program, *arguments = shlex.split(command)
    assert program == "provision"
    return subprocess.run(
        [sys.executable, "-m", "inventories.provision", *arguments, "--env", "production"],
        cwd=ROOT,
        env=os.environ
        | {
            "FOUNTAINAI_PROJECT": str(project),
            "FOUNTAINAI_REGISTRY": real.host,
            "FOUNTAINAI_REGISTRY_CA": str(real.ca),
            "COLUMNS": "250",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_exactly_what_was_tested_is_published_and_tagged_last(run: Run) -> None:
    """Image, attestations and their layers arrive byte for byte; no tag before the last step."""
    pushed = run.step("Push by digest")
    assert pushed.returncode == 0, pushed.stderr
    assert {"POST", "PATCH", "PUT"} <= {method for method, _, _ in run.real.log}
    for digest, (media, raw) in run.contents.manifests.items():
        answer = run.ask(f"manifests/{digest}")
        assert (answer.status_code, answer.content) == (200, raw)
        assert answer.headers["content-type"] == media
    for digest, raw in run.contents.blobs.items():
        assert run.ask(f"blobs/{digest}").content == raw
    assert run.tags() == {}
    tagged = run.step("Tag the digest")
    assert tagged.returncode == 0, tagged.stderr
    assert run.tags() == {OWN_TAG: run.digest}


@pytest.mark.parametrize(
    ("kind", "ref", "more"),
    [
        ("tag", "v1.2.3", ["v1.2.3"]),
        ("branch", "v1.2.3", []),  # a branch is no version, whatever its name
        ("tag", "v1/2$(touch injected)", []),  # no tag that a registry could have
    ],
    ids=["version", "branch", "odd"],
)
def test_a_version_is_a_tag_of_git_that_a_registry_can_have(
    run: Run, kind: str, ref: str, more: list[str]
) -> None:
    assert run.step("Push by digest").returncode == 0
    tagged = run.step("Tag the digest", GITHUB_REF_TYPE=kind, GITHUB_REF_NAME=ref)
    assert tagged.returncode == 0, tagged.stderr
    assert run.tags() == dict.fromkeys([OWN_TAG, *more], run.digest)
    assert not (run.folder / "injected").exists()


def test_another_digest_than_the_tested_one_is_refused_before_anything_is_sent(run: Run) -> None:
    other = run.contents.image(salt="another one")
    pushed = run.step("Push by digest", digest=other)
    assert pushed.returncode != 0
    assert "would not match" in pushed.stderr
    assert {method for method, path, _ in run.real.log if "/token" not in path} <= {"GET", "HEAD"}
    assert run.ask(f"manifests/{run.digest}").status_code == 404
    # What was not pushed is not tagged either.
    assert run.step("Tag the digest").returncode != 0
    assert run.tags() == {}


def test_without_a_login_nothing_is_published(run: Run) -> None:
    (run.folder / ".docker/config.json").unlink()
    assert run.step("Push by digest").returncode != 0
    assert run.ask(f"manifests/{run.digest}").status_code == 404


def test_the_summary_has_the_line_and_the_command_for_the_site(run: Run) -> None:
    """The command writes that very line, and has nothing to do where a person has written it."""
    for name in ("Push by digest", "Tag the digest", "Say the digest"):
        done = run.step(name)
        assert done.returncode == 0, done.stderr
    (block,) = re.findall(r"```toml\n(.*?)```", run.summary, re.S)
    assert tomllib.loads(block) == {"image": f"{run.image}@{run.digest}"}
    (command,) = re.findall(r"`(provision [^`]*)`", run.summary)
    assert command == f"provision images use {run.digest}"
    file = run.folder / "project/inventories/site.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'{SITE}\n[app]\npackage = "{run.image}"\n')
    run.real.public = {run.repository}
    used = provision(run.folder / "project", run.real, command)
    assert used.returncode == 0, used.stderr
    assert block in file.read_text().splitlines(keepends=True)
    file.write_text(f"{SITE}\n[app]\n{block}")
    again = provision(run.folder / "project", run.real, command)
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout + again.stderr
    assert file.read_text() == f"{SITE}\n[app]\n{block}"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("success", "gh attestation verify oci://{image}@{digest} --repo Owner/Project"),
        ("skipped", "No signed attestation"),
        ("failure", "No signed attestation"),
    ],
)
def test_the_summary_says_whether_there_is_a_signed_attestation(
    run: Run, outcome: str, said: str
) -> None:
    assert run.step("Say the digest", attested=outcome).returncode == 0
    assert said.format(image=run.image, digest=run.digest) in run.summary


def test_the_image_is_named_as_the_registry_wants_it(run: Run) -> None:
    assert run.step("Name the image").returncode == 0
    assert (run.folder / "output").read_text() == "image=ghcr.io/owner/story\n"


def test_every_script_of_the_job_is_run_here() -> None:
    scripts: set[Any] = {step["name"] for step in PUBLISH["steps"] if "run" in step}
    assert scripts == {"Name the image", "Push by digest", "Tag the digest", "Say the digest"}
