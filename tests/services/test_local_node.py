"""A real OpenSearch as a process of this machine: it keeps data, ends when it should, and nobody
else's process or folder is ever touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from deploys import versions
from inventories.lab import process
from story_services.local import LocalNode, LocalNodeError, config, home, launch, rootfs, runtime
from story_services.local.config import MARKER
from story_services.local.state import State
from tests.labs import ROOT, until
from tests.services.node_support import private_folder, the_run

ROOTS = os.geteuid() == 0
SOMEBODY = 60718  # an ordinary user, as far as the node can tell
END_LIMIT_S = 30
READ_ALL = "+dac_read_search"  # this Python may be in root's home
AS_SOMEBODY = (
    *("setpriv", "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--clear-groups"),
    *("--inh-caps", READ_ALL, "--ambient-caps", READ_ALL),
)

STARTER = """
import sys
from pathlib import Path
from story_services.local import LocalNode
node = LocalNode(Path(sys.argv[1]), outlives=sys.argv[2] == "outlives")
print(node.start(), flush=True)
if sys.argv[2] == "attached":
    sys.stdin.read()
"""


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with private_folder(the_run(request.config)) as made:
        yield made


def ask(url: str, method: str, path: str, body: object = None) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        return client.request(method, path, json=body)


def put(url: str, name: str, text: str) -> None:
    done = ask(url, "PUT", f"/kept/_doc/{name}", {"text": text})
    assert done.status_code == 201, done.text


def texts(url: str) -> list[str]:
    ask(url, "POST", "/kept/_refresh").raise_for_status()
    found = ask(url, "GET", "/kept/_search?sort=text.keyword").raise_for_status().json()
    return [hit["_source"]["text"] for hit in found["hits"]["hits"]]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# A running node ---------------------------------------------------------------------------------


def test_it_listens_on_loopback_only_and_is_never_root(own_node: LocalNode) -> None:
    running = psutil.Process(own_node.pid)
    assert own_node.url.startswith("http://127.0.0.1:")
    listening = [c.laddr.ip for c in running.net_connections("inet") if c.status == "LISTEN"]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert set(running.uids()) == {launch.NODE_UID if ROOTS else os.geteuid()}
    assert 0 not in running.gids()
    status = Path(f"/proc/{own_node.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_it_is_as_safe_as_in_production(own_node: LocalNode) -> None:
    """No index by accident, no scripts, no index names in bodies that a URL did not allow."""
    url = own_node.url
    assert ask(url, "GET", "/").json()["version"]["number"] == versions.OPENSEARCH_DEFAULT
    assert ask(url, "PUT", "/unasked/_doc/1", {}).status_code == 404
    assert ask(url, "PUT", "/asked").status_code == 200
    script = {"query": {"script": {"script": "true"}}}
    assert ask(url, "POST", "/asked/_search", script).status_code in (400, 500)
    line = '{"index":{"_index":"asked","_id":"1"}}\n{}\n'
    done = httpx.post(
        f"{url}/asked/_bulk", content=line, headers={"content-type": "application/x-ndjson"}
    )
    assert done.status_code == 400
    assert ask(url, "DELETE", "/*").status_code == 400


def test_an_acknowledged_write_outlives_a_pulled_plug(own_node: LocalNode) -> None:
    url, pid = own_node.url, own_node.pid
    put_index(url)
    for n in range(20):
        put(url, str(n), f"line {n:02}")
    own_node.kill()
    assert gone(pid)
    assert not own_node.running
    with pytest.raises(httpx.ConnectError):
        ask(url, "GET", "/")
    assert own_node.restart() == url, "clients go on using the address"
    assert own_node.pid != pid
    assert texts(url)[:10] == [f"line {n:02}" for n in range(10)]


def put_index(url: str) -> None:
    fields = {"text": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}
    body = {"mappings": {"dynamic": "strict", "properties": fields}}
    ask(url, "PUT", "/kept", body).raise_for_status()


def test_a_second_start_in_the_same_folder_is_refused(own_node: LocalNode) -> None:
    pid = own_node.pid
    other = LocalNode(own_node.state)
    with pytest.raises(LocalNodeError, match=rf"for the process {os.getpid()}: use that one"):
        other.start()
    with pytest.raises(LocalNodeError, match="use that one"):
        other.stop()
    assert own_node.pid == pid
    assert own_node.start() == own_node.url, "it runs: nothing to do"
    assert own_node.pid == pid


def test_a_taken_port_is_refused_at_once(own_node: LocalNode, folder: Path) -> None:
    port = int(own_node.url.rpartition(":")[2])
    with pytest.raises(LocalNodeError, match=f"cannot have port {port}"):
        LocalNode(folder / "node", port=port).start()


# A folder's life --------------------------------------------------------------------------------


def starter(folder: Path, how: str, *, ordinary: bool = False) -> subprocess.Popen[str]:
    """A process of its own that starts a node; as an ordinary user when asked (and we are root)."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv: Sequence[str] = (sys.executable, "-c", STARTER, str(folder), how)
    if ordinary and ROOTS:
        home.home()  # unpacked by root, used by everybody
        env["XDG_CACHE_HOME"] = str(home.ROOT_CACHE.parent)
        argv = (*AS_SOMEBODY, *argv)
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env)


def address(starting: subprocess.Popen[str]) -> str:
    assert starting.stdout
    assert starting.stderr
    line = starting.stdout.readline().strip()
    assert line, starting.stderr.read()
    return line


def test_a_folder_through_the_hands_of_two_users(folder: Path) -> None:
    """An ordinary user's node ends with a starter that is killed. The data is there for the next
    run, root's, which works as the folder's owner; that node stays when it was meant to stay, is
    not touched by a start, and can be stopped by anybody with the folder."""
    state = folder / "node"
    state.mkdir()
    if ROOTS:
        os.chown(state, SOMEBODY, SOMEBODY)
    owner = state.stat().st_uid

    with starter(state, "attached", ordinary=True) as first:
        url = address(first)
        pid = LocalNode(state).pid
        assert psutil.Process(pid).uids().real == owner
        put_index(url)
        put(url, "1", "kept")
        first.kill()
    until(lambda: gone(pid), END_LIMIT_S)

    with starter(state, "outlives") as second:
        assert address(second) == url, "its last port was free"
        assert second.wait(END_LIMIT_S) == 0
    node = LocalNode(state)
    pid = node.pid
    assert psutil.Process(pid).uids().real == owner
    assert texts(url) == ["kept"]
    with pytest.raises(LocalNodeError, match=f"runs in {state} at {url}"):
        node.start()
    assert node.pid == pid
    node.stop()
    assert gone(pid)
    assert not node.running


def test_what_a_killed_run_left_is_ended_and_nobody_else(folder: Path) -> None:
    """A process counts as ours by its record and its own command line, not by its number."""
    ours, other = State(folder / "ours"), State(folder / "other")
    for state in (ours, other):
        state.lock()
    sleep = ["sh", "-c", "sleep 600; :", "sh", f"-D{MARKER}={ours.path}"]
    left = process.spawn(sleep, record=ours.record, log=folder / "log")
    try:
        other.record.write_text(ours.record.read_text())  # the number now belongs to another
        other.end(0)
        assert left.alive()
        assert ours.running() == left
        ours.end(5)
        assert not left.alive()
    finally:
        ours.end(0)


def test_a_start_that_fails_says_why_and_leaves_nothing(folder: Path) -> None:
    node = LocalNode(folder / "node", heap_mb=1)
    for _ in range(2):  # the folder is free again
        with pytest.raises(
            LocalNodeError, match=r"ended before it served:\n(.*\n)*Too small"
        ) as why:
            node.start()
        assert str(folder / "node") in str(why.value)
        assert not node.running


def test_a_start_takes_no_longer_than_its_limit(folder: Path) -> None:
    node = LocalNode(folder / "node", limit_s=0.5)
    with pytest.raises(LocalNodeError, match=r"did not serve within 0 s \(no answer\)"):
        node.start()
    assert not node.running


def test_a_java_that_is_too_old_is_refused_before_anything_is_started(folder: Path) -> None:
    java = folder / "jdk-25/bin/java"  # @fake: it says 17, whatever its folder says
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'java.specification.version = 17'\n")
    java.chmod(0o755)
    node = LocalNode(folder / "node", jdk=folder / "jdk-25")
    with pytest.raises(
        LocalNodeError, match=r"jdk-25 is 17, OpenSearch \S+ needs 21 or newer; ins"
    ):
        node.start()
    assert not (folder / "node/data").exists()


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """Root's own folders are closed to the user that the node must run as."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if not ROOTS:
        closed.chmod(0o500)
    with pytest.raises(LocalNodeError, match=r"cannot enter|cannot be used"):
        LocalNode(closed / "node").start()


# Inside the lab's root file system --------------------------------------------------------------


@pytest.mark.lab
def test_without_a_java_it_runs_inside_the_lab_s_root_file_system(folder: Path) -> None:
    state = folder / "node"
    node = LocalNode(state, in_rootfs=True)
    if not ROOTS:
        with pytest.raises(LocalNodeError, match="need root"):
            node.start()
        return
    with node:
        pid, image = node.pid, str(rootfs.image())
        assert os.readlink(f"/proc/{pid}/root") != "/"
        assert psutil.Process(pid).uids().real == launch.NODE_UID
        nodes = ask(node.url, "GET", "/_nodes/jvm").json()["nodes"].values()
        assert [n["jvm"]["version"].split(".")[0] for n in nodes] == ["21"]
        put_index(node.url)
        put(node.url, "1", "inside")
        assert texts(node.url) == ["inside"]
    assert gone(pid)
    assert image not in Path("/proc/mounts").read_text()
    assert not subprocess.check_output(["losetup", "-j", image])
    assert not list((state / "rootfs").iterdir())


CHOOSER = """
import sys
from pathlib import Path
from story_services.local import LocalNodeError, launch, runtime
state = Path(sys.argv[1])
try:
    found = runtime.choose(state, launch.user_for(state), None, inside=False, say=lambda _: None)
    print(found.places.java, found.prefix[-2])
except LocalNodeError as error:
    print(error)
"""
WITHOUT_JAVA = """
unset JAVA_HOME
PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -d /usr/lib/jvm ] || mount -t tmpfs none /usr/lib/jvm
exec "$@"
"""


@pytest.mark.lab
def test_a_machine_without_a_java_takes_the_root_file_system_by_itself(folder: Path) -> None:
    """And an ordinary user, who cannot, reads what to install."""
    if not ROOTS:
        return  # hiding this machine's Java takes root
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c", WITHOUT_JAVA, "sh"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def chosen(*prefix: str) -> str:
        argv = [*hidden, *prefix, sys.executable, "-c", CHOOSER, str(folder)]
        return subprocess.check_output(argv, env=env, text=True, timeout=120).strip()

    assert chosen() == f"{rootfs.JAVA} {home.home()}"
    refusal = chosen(*AS_SOMEBODY)
    assert "No Java 21 or newer was found" in refusal
    assert "sudo apt-get install openjdk-21-jre-headless" in refusal
    assert "need root" in refusal


# What it is told --------------------------------------------------------------------------------


def test_its_java_arguments_are_those_of_the_archive_s_own_launcher(folder: Path) -> None:
    """We leave the launcher out; what it would add must not be lost when the version changes."""
    state = State(folder / "node")
    state.lock()
    user = launch.user_for(state.path)
    state.prepare({"jvm.options": b"-Xmx512m\n"}, {}, user)
    found = runtime.choose(state.path, user, None, inside=False, say=lambda _: None)
    done = subprocess.run(
        [
            *(*found.prefix, *user.command(), str(found.places.java)),
            *("-cp", f"{found.places.home}/lib/*"),
            "org.opensearch.tools.launchers.JvmOptionsParser",
            str(found.places.state / "conf"),
        ],
        env={"OPENSEARCH_TMPDIR": "/"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = set(done.stdout.split())
    ours = set(config.command(found.places, 512, "marker"))
    assert theirs - ours == {"-XX:+AlwaysPreTouch"}
    assert set(config.LAUNCHER_ARGUMENTS) - theirs == {"-Xshare:auto"}, "the launcher's own"


def test_ctrl_c_at_the_terminal_does_not_reach_it(own_node: LocalNode) -> None:
    """It ends the services first, which then stop their node in order."""
    assert os.getsid(own_node.pid) == own_node.pid
