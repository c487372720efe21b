"""Tags: the rules for them, and the calls that set and remove them."""

from __future__ import annotations

from inventories.lab.lightsail import views
from inventories.lab.lightsail.account import Instance, KeyPair
from inventories.lab.lightsail.errors import ApiError, invalid, not_found
from inventories.lab.lightsail.service import Call, Reply, Service

MAX_TAGS = 50


def read_tags(tags: list[dict[str, str]]) -> dict[str, str]:
    """Wire form to mapping; InvalidInputException for what the service would not take."""
    result: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("key", ""), tag.get("value", "")
        if not key or len(key) > 128 or len(value) > 256:
            raise invalid("A tag has a key of 1 to 128 and a value of at most 256 characters")
        if key.lower().startswith("aws:"):
            raise invalid(f"Tag keys may not start with aws: ({key})")
        if key in result:
            raise invalid(f"Tag key given twice: {key}")
        result[key] = value
    if len(result) > MAX_TAGS:
        raise invalid(f"At most {MAX_TAGS} tags")
    return result


def _taggable(service: Service, call: Call) -> Instance | KeyPair:
    name: str = call["resourceName"]
    account = service.account
    if name in account.static_ips:
        raise invalid(f"Static IPs cannot be tagged: {name}")
    thing = account.instances.get(name) or account.key_pairs.get(name)
    if thing is None:
        raise not_found("Resource", name)
    arn = call.params.get("resourceArn")
    if arn is not None and arn != account.arn(thing):
        raise _wrong_arn(name, arn)
    return thing


def _wrong_arn(name: str, arn: str) -> ApiError:
    return invalid(f"{arn} is not the ARN of {name}")


def _reply(service: Service, call: Call, thing: Instance | KeyPair, new: dict[str, str]) -> Reply:
    def effect() -> None:
        thing.tags = new

    operation = service.done(call, thing, effect)
    return {"operations": [views.operation(service.account, operation)]}


def tag_resource(service: Service, call: Call) -> Reply:
    thing = _taggable(service, call)
    new = {**thing.tags, **read_tags(call["tags"])}
    if len(new) > MAX_TAGS:
        raise invalid(f"At most {MAX_TAGS} tags")
    return _reply(service, call, thing, new)


def untag_resource(service: Service, call: Call) -> Reply:
    thing = _taggable(service, call)
    new = {k: v for k, v in thing.tags.items() if k not in call["tagKeys"]}
    return _reply(service, call, thing, new)


HANDLERS = {"TagResource": tag_resource, "UntagResource": untag_resource}
