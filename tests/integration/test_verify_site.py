"""`make verify` on a whole site finds what was broken by hand, names host and reason, and shows no
secret while it does. A suite that passes whatever happens would be worth nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from deploys.roles.app import SECRETS
from tests.integration.rehearse_support import make
from tests.integration.site_support import WholeSite, whole_site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

#: A second container with every right, open to the network, that shows a secret.
STRAY = """
import http.client, json, socket
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/docker.sock")
def ask(method, path, body=None):
    engine = Engine("engine")
    engine.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(engine.getresponse().read() or "{}")
serving = ask("GET", "/containers/json")[0]
made = ask("POST", "/containers/create?name=stray", {
    "Image": serving["ImageID"], "Entrypoint": ["/opt/story/bin/python3", "-m", "http.server"],
    "Env": ["TOKEN=" + KEY], "ExposedPorts": {"8000/tcp": {}}, "WorkingDir": "/tmp",
    "HostConfig": {"Privileged": True, "PortBindings": {
        "8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "18009"}]}},
})
ask("POST", "/containers/" + made["Id"] + "/start")
"""
BREAK_APP = f"""
chmod 666 /run/docker.sock
chmod 644 {SECRETS}/story.key
python3 - <<'ENDS'
KEY = KEY_HERE
{STRAY}
ENDS
"""
BREAK_GATEWAY = """
echo >> /etc/kong/kong.yml
printf %s KEY_HERE > /var/log/kong/extra.log
TOKEN=KEY_HERE setsid sleep 900 >/dev/null 2>&1 </dev/null &
"""
BREAK_SEARCH = """
systemd-run --quiet --unit=stray --service-type=exec python3 -m http.server 8080
nft add rule inet host input tcp dport 8080 accept
"""
FOUND = {
    "app-1": {
        "test_each_group_has_one_container_and_it_is_the_one_that_nginx_asks",
        "test_containers_have_no_rights",
        "test_containers_have_the_limits_of_the_site_file",
        "test_containers_publish_on_loopback_alone",
        "test_containers_show_no_secret_and_see_only_their_own",
        "test_containers_run_the_image_of_the_site_file",
        "test_secrets_are_for_the_services_alone",
        "test_engine_is_closed_and_leaves_containers_alone",
        "test_listening_sockets_are_exactly_the_wanted_ones",
        "test_managed_files_are_as_they_were_written",
        "test_private_keys_are_the_known_ones_and_closed",
    },
    "gateway-1": {"test_what_runs_is_the_file_that_was_proven"},
    "search-1": {
        "test_listening_sockets_are_exactly_the_wanted_ones",
        "test_firewall_is_exactly_the_wanted_rule_set",
    },
    "": {
        "test_hosts_answer_each_other_on_the_wanted_ports_alone",
        "test_no_log_has_a_key_or_a_word_of_a_story",
        "test_the_operators_machine_reaches_ssh_and_the_gateway",
    },
}


@pytest.fixture(scope="module")
def site() -> Iterator[WholeSite]:
    with whole_site("t-verify-site") as made:
        yield made


def test_verify_passes_on_a_site_as_it_was_made(site: WholeSite) -> None:
    """Reboots and too many requests included; it tells whether Kong itself was there."""
    verify = make("verify", site.env)
    assert verify.returncode == 0, verify.stdout[-6000:]
    assert "skipped" not in verify.stdout
    assert "a stand-in for Kong, in the lab only (fountainai-kong-standin" in verify.stdout


def test_verify_finds_what_was_broken_on_each_host(site: WholeSite) -> None:
    key = (site.secrets / "api_key").read_text().strip()
    for name, script in (
        ("app-1", BREAK_APP.replace("KEY_HERE", json.dumps(key))),
        ("gateway-1", BREAK_GATEWAY.replace("KEY_HERE", key)),
        ("search-1", BREAK_SEARCH),
    ):
        site.ssh(name, script)
    verify = make("verify", site.env, VERIFY_DISRUPTIVE="0")
    said = verify.stdout + verify.stderr
    found = re.findall(r"^FAILED \S+?::(\w+)(?:\[(\S+)\])?", verify.stdout, re.MULTILINE)
    by_host = {host: {test for test, where in found if where == host} for host in FOUND}
    assert by_host == FOUND, said[-6000:]
    for reason in ("extra.log: API key", "environ of sleep", "search-1 answers gateway-1 at"):
        assert reason in said, reason
    # What a container publishes on every address is a listener, but the firewall keeps it closed.
    assert "0.0.0.0:18009 dockerd" in said
    assert "app-1 answers" not in said
    assert key not in said
