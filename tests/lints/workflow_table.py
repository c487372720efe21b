"""What each workflow may do, as data: its triggers, jobs, permissions, and steps in their order.

Guarantees that changing a guard of a workflow takes two places: the workflow, and this table, where
a reviewer sees it. `workflow_rules` compares. What is not in the table is not allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Actions whose source was looked at; their SHAs stand in the workflows, Dependabot moves them.
ACTIONS = {
    "actions/checkout",
    "actions/setup-python",
    "actions/upload-artifact",
    "actions/download-artifact",
    "actions/attest",
    "docker/setup-buildx-action",
    "docker/build-push-action",
    "docker/login-action",
}
PERMISSIONS = "contents|packages|id-token|attestations"
#: Inputs that guard nothing: comfort, and how long things are kept.
EXTRA = {
    "cache-binary",
    "compression-level",
    "create-storage-record",
    "DOCKER_BUILD_RECORD_UPLOAD",
    "DOCKER_BUILD_SUMMARY",
    "python-version",
    "retention-days",
    "show-summary",
}
NOT_PULL_REQUEST = "github.event_name != 'pull_request'"
PUBLIC = "github.event.repository.visibility == 'public'"


@dataclass(frozen=True)
class Step:
    """A step: its action or, for a script, its name; the inputs and lines that it must have."""

    does: str
    given: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    script: tuple[str, ...] = ()
    only_if: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Job:
    """A job: exactly these permissions, and `other` keys with exactly these values."""

    permissions: Mapping[str, str]
    steps: tuple[Step, ...]
    other: Mapping[str, object] = field(default_factory=dict)


CHECKOUT = Step("actions/checkout", {"persist-credentials": "false"})
PYTHON = Step("actions/setup-python")
READ = {"contents": "read"}
IMAGE = {"IMAGE": "${{ steps.name.outputs.image }}"}
DIGEST = {"DIGEST": "${{ needs.test.outputs.digest }}"}
ARCHIVE = "${{ runner.temp }}/story.tar"

BUILD = Step(
    "docker/build-push-action",
    {
        "context": ".",
        "file": "story_services/Dockerfile",
        "platforms": "linux/amd64",
        "build-args": "BASE_IMAGE=${{ steps.pins.outputs.base }}",
        "labels": (
            "org.opencontainers.image.source=${{ github.server_url }}/${{ github.repository }}\n"
            "org.opencontainers.image.revision=${{ github.sha }}\n"
            "org.opencontainers.image.created=${{ steps.pins.outputs.created }}\n"
        ),
        "outputs": f"type=oci,dest={ARCHIVE}",  # neither pushed nor loaded from elsewhere
        "sbom": "generator=${{ steps.pins.outputs.scanner }}",
        "provenance": "mode=max",
        "no-cache": "true",  # what another run left is never built on
    },
)
TEST = Job(
    READ,
    (
        CHECKOUT,
        PYTHON,
        Step(
            "Read the pinned images",
            id="pins",
            script=(
                "for name in base buildkit scanner; do",
                "image=$(sed -nE",
                "=~ ^[a-z0-9./-]+:[A-Za-z0-9.-]+@sha256:[0-9a-f]{64}$ ]]; then",
                "::error file=.github/pins/Dockerfile::",
                'echo "$name=$image" >> "$GITHUB_OUTPUT"',
                'echo "created=$(date -u',
            ),
        ),
        Step(
            "docker/setup-buildx-action",
            {"driver-opts": "image=${{ steps.pins.outputs.buildkit }}"},
        ),
        BUILD,
        Step(
            "Load the very same image",
            id="load",
            script=(
                'archive="oci-archive:$RUNNER_TEMP/story.tar"',
                "skopeo --override-os linux --override-arch amd64 copy \\",
                '"$archive" "docker-archive:$RUNNER_TEMP/loaded.tar:story:tested"',
                'docker load --input "$RUNNER_TEMP/loaded.tar"',
                'inspect --config --raw "$archive" | jq -c .rootfs.diff_ids',
                "docker image inspect --format '{{json .RootFS.Layers}}' story:tested",
                'if [ "$built" != "$loaded" ]; then',
                "::error::Docker loaded other layers",
                'digest=sha256:$(skopeo inspect --raw "$archive" | sha256sum',
                'echo "digest=$digest" >> "$GITHUB_OUTPUT"',
            ),
        ),
        Step("Test the loaded image", script=("make test-image IMAGE=story:tested",)),
        Step(
            "actions/upload-artifact",
            {"name": "story-image", "path": ARCHIVE, "if-no-files-found": "error"},
            only_if=NOT_PULL_REQUEST,
        ),
    ),
    {"outputs": {"digest": "${{ steps.load.outputs.digest }}"}},
)
PUBLISH = Job(
    {"packages": "write", "id-token": "write", "attestations": "write"},
    (
        Step("actions/download-artifact", {"name": "story-image", "path": "${{ runner.temp }}"}),
        Step(
            "Name the image",
            id="name",
            script=('"image=ghcr.io/${GITHUB_REPOSITORY_OWNER,,}/story" >> "$GITHUB_OUTPUT"',),
        ),
        Step(
            "docker/login-action",
            {
                "registry": "ghcr.io",
                "username": "${{ github.actor }}",
                "password": "${{ secrets.GITHUB_TOKEN }}",
            },
        ),
        Step(
            "Push by digest",
            env=IMAGE | DIGEST,
            script=(
                "skopeo copy --all --preserve-digests \\",
                '"oci-archive:$RUNNER_TEMP/story.tar" "docker://$IMAGE@$DIGEST"',
            ),
        ),
        Step(
            "actions/attest",
            {
                "subject-name": "${{ steps.name.outputs.image }}",
                "subject-digest": "${{ needs.test.outputs.digest }}",
                "push-to-registry": "true",
            },
            only_if=PUBLIC,
            id="attest",
        ),
        Step(
            "Tag the digest",
            env=IMAGE | DIGEST,
            script=(
                'tags=("run-$GITHUB_RUN_NUMBER.$GITHUB_RUN_ATTEMPT-${GITHUB_SHA:0:12}")',
                "if [[ $GITHUB_REF_TYPE == tag && $GITHUB_REF_NAME =~ ^v[A-Za-z0-9._-]+$ ]]; then",
                'tags+=("$GITHUB_REF_NAME")',
                'for tag in "${tags[@]}"; do',
                'skopeo copy --all --preserve-digests "docker://$IMAGE@$DIGEST"',
            ),
        ),
        Step(
            "Say the digest",
            env=IMAGE | DIGEST | {"ATTESTED": "${{ steps.attest.outcome }}"},
            script=(
                "### Tested and published",
                'image = "%s@%s"\\n',
                "provision images use %s",
                'if [ "$ATTESTED" = success ]; then',
                "gh attestation verify oci://%s@%s",
                "else",
                "No signed attestation",
                '} >> "$GITHUB_STEP_SUMMARY"',
            ),
        ),
    ),
    {"needs": "test", "if": NOT_PULL_REQUEST, "environment": "publish"},
)
WORKFLOWS: dict[str, dict[str, Job]] = {
    "images": {"test": TEST, "publish": PUBLISH},
    "checks": {
        "check": Job(READ, (CHECKOUT, PYTHON, Step("Check", script=("make check",)))),
        "test": Job(
            READ,
            (
                CHECKOUT,
                Step(
                    "Test on a Debian machine",
                    script=('sudo .github/debian-machine.sh "$RUNNER_TEMP/machine" make test',),
                ),
            ),
            {"needs": "check"},
        ),
    },
}
MAIN: dict[str, object] = {"branches": ["main"]}
TRIGGERS: dict[str, object] = {
    "images": {"push": MAIN | {"tags": ["v*"]}, "pull_request": {}, "workflow_dispatch": {}},
    "checks": {"push": MAIN, "pull_request": {}},
}
