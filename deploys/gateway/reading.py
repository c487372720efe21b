"""A kong.yml's text as a document, refused with its line for what YAML readers quietly accept.

Keys that stand twice (the last would win), aliases, several documents and values that are no JSON
(dates, for one) are errors here, because Kong's reader and others would disagree about them.
Needs PyYAML and the standard library.
"""

from __future__ import annotations

from typing import Any

import yaml


class Unreadable(ValueError):
    """The text is no document; says the line and the reason."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe reader without aliases, doubled keys and merge keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _at(self.peek_event().start_mark, "an alias; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _at(key_node.start_mark, "a key that is no text")
            line = key_node.start_mark.line + 1
            if key_node.value in seen:
                first = seen[key_node.value]
                raise _at(
                    key_node.start_mark, f"the key {key_node.value} is in line {first} already"
                )
            if key_node.value == "<<":
                raise _at(key_node.start_mark, "a merge key; write the values out")
            seen[key_node.value] = line
        return super().construct_mapping(node, deep=deep)


def _at(mark: yaml.Mark, reason: str) -> Unreadable:
    return Unreadable(f"line {mark.line + 1}: {reason}")


def _no_date(loader: _Loader, node: yaml.Node) -> Any:
    raise _at(node.start_mark, "a date to YAML; quote it")


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _no_date)


def parse(text: bytes) -> dict[str, Any]:
    """The document. Unreadable: no UTF-8, no YAML, or one of the above, with the line."""
    try:
        loader = _Loader(text.decode())
    except UnicodeDecodeError as reason:
        line = text[: reason.start].count(b"\n") + 1
        raise Unreadable(f"line {line}: a byte that is no UTF-8") from None
    except yaml.YAMLError as reason:
        raise Unreadable(_told(reason)) from None
    try:
        document = loader.get_single_data()
    except RecursionError:
        raise Unreadable("line 1: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as reason:
        if isinstance(reason, Unreadable):
            raise
        raise Unreadable(_told(reason)) from None
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise Unreadable("line 1: the file is no table of entities")
    return document


def _told(reason: Exception) -> str:
    mark = getattr(reason, "problem_mark", None) or getattr(reason, "context_mark", None)
    said = getattr(reason, "problem", None) or str(reason).partition("\n")[0]
    return f"line {mark.line + 1 if mark else 1}: {said}"
