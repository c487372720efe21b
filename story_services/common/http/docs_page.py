"""A document as one page to read: no script, nothing loaded, works without a network. Pure.

The policy that goes with it allows its own style and nothing else, so that no text of a document
could do anything even if escaping it were forgotten.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
h2{border-bottom:1px solid #999;margin-top:2.5rem}
details{margin:.4rem 0;border:1px solid #bbb;border-radius:4px;padding:.3rem .7rem}
summary{cursor:pointer}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto;background:#f4f4f4;padding:.5rem}.m{display:inline-block;width:4.5rem}
td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}pre{background:#222}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def html(document: Mapping[str, Any]) -> str:
    """The page."""
    info = document["info"]
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info.get('description', ''))} ",
        'The same for programs: <a href="/openapi.json">openapi.json</a>.</p>',
    ]
    for tag in document["tags"]:
        name = tag["name"]
        lines.append(f"<h2>{escape(name)}</h2><p>{escape(tag.get('description', ''))}</p>")
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if operation["tags"][0] == name:
                    lines += _operation(path, method, operation)
    return "\n".join([*lines, "</body></html>"])


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = operation["operationId"]
    yield f'<details id="{escape(name)}"><summary><code><b class="m">{method.upper()}</b> '
    yield f"{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
    yield f"<p>{escape(operation.get('description', ''))} <code>{escape(name)}</code></p>"
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>parameter</th><th>in</th><th></th></tr>"
        for parameter in parameters:
            must = " (required)" if parameter.get("required") else ""
            told = escape(parameter.get("description", ""))
            yield f"<tr><td><code>{escape(parameter['name'])}</code>{must}</td>"
            yield f"<td>{escape(parameter['in'])}</td><td>{told}</td></tr>"
        yield "</table>"
    if body := operation.get("requestBody"):
        yield "<p>Body:</p>" + _example(body)
    for status, response in operation["responses"].items():
        if "$ref" not in response:
            yield f"<p>{escape(status)}: {escape(response['description'])}</p>"
            yield _example(response)
    common = [s for s, response in operation["responses"].items() if "$ref" in response]
    yield f"<p>Also: {escape(', '.join(common))}</p></details>"


def _example(part: Mapping[str, Any]) -> str:
    shown = []
    for content in part.get("content", {}).values():
        example = content.get("example", "")
        text = (
            example
            if isinstance(example, str)
            else json.dumps(example, indent=1, ensure_ascii=False)
        )
        shown.append(f"<pre>{escape(text)}</pre>")
    return "".join(shown)
