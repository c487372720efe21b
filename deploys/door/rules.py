"""The allow-list of the door, as data that nginx and the tests share.

A request is `role:METHOD:raw-uri` and passes only when one rule matches all of it, from the first
character to the last; everything else is refused. The raw URI is matched, and the same raw URI
is forwarded, so that no second decoding can change what was judged. Patterns use only syntax
that PCRE and Python's `re` read alike and no backslash, so that nginx's quoting leaves them be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "bare", "refuse"]  # bare: pass, but drop the body

INDEX = "story-[a-z0-9_.-]{1,100}"
#: One path segment of a document id; an escaped character stays inside its segment, because the
#: node splits the raw path before it decodes. The node itself bounds an id to 512 bytes.
_DOC_ID = "(?:[A-Za-z0-9_~-]|%[0-9A-Fa-f]{2})(?:[A-Za-z0-9_.:@~+-]|%[0-9A-Fa-f]{2})*"
#: `;` is missing on purpose: the node takes it for a separator of arguments.
_VALUE = "[A-Za-z0-9_.,:~%+*/-]*"
_NAME = "[a-z0-9][a-z0-9_-]{0,60}"  # a snapshot repository
_SNAPSHOT = "[a-z0-9][a-z0-9_.-]{0,120}"


@dataclass(frozen=True)
class Rule:
    """One line of the table. `path` is a pattern, `args` are the argument names allowed in any
    order; `bare` drops the request body."""

    role: str
    methods: str
    path: str
    args: str = ""
    bare: bool = False

    @property
    def pattern(self) -> str:
        """The pattern of the whole `role:METHOD:raw-uri`, anchored at both ends."""
        names = "|".join(sorted(self.args.split()))
        one = f"(?:{names})(?:={_VALUE})?"
        query = f"(?:[?](?:{one}(?:&{one})*)?)?" if names else ""
        return f"^{self.role}:(?:{self.methods}):{self.path}{query}$"


_SHAPE = "pretty human filter_path"
_HEALTH = (
    f"{_SHAPE} timeout cluster_manager_timeout level local wait_for_status wait_for_nodes "
    "wait_for_no_relocating_shards wait_for_no_initializing_shards wait_for_active_shards"
)
_FIELDS = "_source _source_includes _source_excludes stored_fields"
_READ = f"{_SHAPE} {_FIELDS} realtime refresh preference routing version version_type"
_WRITE = (
    f"{_SHAPE} refresh routing timeout version version_type if_seq_no if_primary_term op_type "
    "wait_for_active_shards require_alias"
)
_SEARCH = (
    f"{_SHAPE} {_FIELDS} from size sort timeout track_total_hits track_scores preference routing "
    "request_cache typed_keys rest_total_hits_as_int allow_partial_search_results explain "
    "batched_reduce_size max_concurrent_shard_requests pre_filter_shard_size terminate_after "
    "version seq_no_primary_term docvalue_fields ignore_unavailable search_type min_score "
    "max_concurrent_searches ccs_minimize_roundtrips"
)
_DELETE_BY_QUERY = (
    f"{_SHAPE} refresh conflicts timeout slices max_docs requests_per_second routing preference "
    "request_cache scroll_size search_timeout wait_for_active_shards ignore_unavailable"
)
_ADMIN = (
    f"{_SHAPE} timeout cluster_manager_timeout master_timeout wait_for_active_shards local "
    "ignore_unavailable include_defaults flat_settings"
)
_CAT = f"{_SHAPE} h v s format bytes time local cluster_manager_timeout"

_STORY = (
    Rule("story", "GET|HEAD", "/", _SHAPE),
    Rule("story", "GET", "/_cluster/health", _HEALTH),
    Rule("story", "GET", f"/_cluster/health/{INDEX}", _HEALTH),
    Rule("story", "GET|HEAD", f"/{INDEX}/_(?:doc|source)/{_DOC_ID}", _READ),
    Rule("story", "PUT|POST|DELETE", f"/{INDEX}/_doc/{_DOC_ID}", _WRITE),
    Rule("story", "POST", f"/{INDEX}/_doc", _WRITE),
    Rule("story", "PUT|POST", f"/{INDEX}/_create/{_DOC_ID}", _WRITE),
    Rule("story", "POST", f"/{INDEX}/_update/{_DOC_ID}", f"{_WRITE} {_FIELDS} retry_on_conflict"),
    Rule("story", "POST|PUT", f"/{INDEX}/_bulk", f"{_WRITE} {_FIELDS}"),
    Rule("story", "GET|POST", f"/{INDEX}/_mget", _READ),
    Rule("story", "GET|POST", f"/{INDEX}/_(?:search|count|msearch)", _SEARCH),
    Rule("story", "GET|POST", f"/{INDEX}/_refresh", f"{_SHAPE} ignore_unavailable"),
    Rule("story", "POST", f"/{INDEX}/_delete_by_query", _DELETE_BY_QUERY),
    Rule("story", "GET|HEAD|PUT|DELETE", f"/{INDEX}", _ADMIN),
    Rule("story", "GET|PUT|POST", f"/{INDEX}/_mapping", _ADMIN),
    Rule("story", "GET", f"/{INDEX}/_settings", _ADMIN),
    # A body may name other indices and aliases than the URL does, so it is dropped.
    Rule("story", "GET|HEAD", f"/{INDEX}/_alias(?:/{INDEX})?", _ADMIN, bare=True),
    Rule("story", "PUT|POST|DELETE", f"/{INDEX}/_alias/{INDEX}", _ADMIN, bare=True),
)
_MONITOR = (
    Rule("monitor", "GET", "/", _SHAPE, bare=True),
    Rule("monitor", "GET", "/_cluster/health", _HEALTH, bare=True),
    Rule("monitor", "GET", "/_(?:cluster/stats|nodes/stats|stats)", _SHAPE, bare=True),
    Rule("monitor", "GET", "/_cat/(?:health|indices|nodes|shards|allocation)", _CAT, bare=True),
)
_SNAPSHOT_ARGS = (
    f"{_SHAPE} wait_for_completion cluster_manager_timeout master_timeout verbose "
    "ignore_unavailable"
)
_BACKUP = (
    Rule("backup", "GET", "/", _SHAPE, bare=True),
    Rule("backup", "GET", "/_cluster/health", _HEALTH, bare=True),
    Rule("backup", "GET", f"/_snapshot(?:/{_NAME})?", _SNAPSHOT_ARGS, bare=True),
    Rule("backup", "GET", f"/_snapshot/{_NAME}/_all", _SNAPSHOT_ARGS, bare=True),
    Rule("backup", "GET|DELETE", f"/_snapshot/{_NAME}/{_SNAPSHOT}", _SNAPSHOT_ARGS, bare=True),
    Rule("backup", "PUT|POST", f"/_snapshot/{_NAME}/{_SNAPSHOT}", _SNAPSHOT_ARGS),
    Rule("backup", "GET", f"/_snapshot/{_NAME}/{_SNAPSHOT}/_status", _SNAPSHOT_ARGS, bare=True),
)
#: Another search host asks before it would found a cluster of its own.
_PEER = (Rule("peer", "GET", "/", "", bare=True),)
_OPERATOR = (Rule("operator", "[A-Z]+", "/[^#]*"),)

RULES: tuple[Rule, ...] = (*_STORY, *_MONITOR, *_BACKUP, *_PEER, *_OPERATOR)

#: Roles that people and services hold a certificate for; `peer` belongs to hosts.
CLIENT_ROLES = ("story", "operator", "monitor", "backup", "gateway")


def decide(role: str, method: str, raw_uri: str) -> Verdict:
    """What the door says to a request, by the same patterns nginx gets."""
    asked = f"{role}:{method}:{raw_uri}"
    for rule in RULES:
        if re.search(rule.pattern, asked):
            return "bare" if rule.bare else "pass"
    return "refuse"


def organisation(env: str) -> str:
    """The O of every certificate of an environment, e.g. `fountainai-lab`."""
    return f"fountainai-{env}"


def subject_patterns(env: str) -> dict[str, str]:
    """Role by pattern of the certificate's subject as nginx prints it (RFC 2253, anchored).

    Patterns, because nginx compares plain strings without regard to case: `CN=OPERATOR` would be
    the operator.
    """
    org = organisation(env)
    return {f"^CN={role},O={org}$": role for role in CLIENT_ROLES} | {peer_pattern(env): "peer"}


def peer_pattern(env: str) -> str:
    """The subject of a host's own certificate."""
    return f"^CN=[a-z0-9-]+,OU=hosts,O={organisation(env)}$"
