"""The wire: requests and replies are checked against botocore's own model of the service.

A request that does not fit is refused with everything that is wrong with it; a reply of ours
that does not fit is a bug of ours and never leaves as if it were fine. Nothing here knows what
the operations do. The signature is not verified (there is no secret here to verify it with), but
it has to be there, and be made for this service and region.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

from inventories.lab.lightsail.errors import ApiError, invalid, unauthenticated, wrong_scope

TARGET_PREFIX = "Lightsail_20161128."
CONTENT_TYPE = "application/x-amz-json-1.1"

_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=[^,\s]+, ?Signature=[0-9a-f]{64}$"
)


class ReplyError(AssertionError):
    """A reply of the stand-in does not fit the model: a defect here, not of the caller."""


@cache
def operations() -> dict[str, OperationModel]:
    """Every operation of the real service by name."""
    model = botocore.session.get_session().get_service_model("lightsail")
    return {name: model.operation_model(name) for name in model.operation_names}


def check_credentials(authorization: str | None, region: str) -> None:
    """Refuse a call without a SigV4 header, or one signed for elsewhere."""
    if not authorization:
        raise unauthenticated()
    match = _CREDENTIAL.match(authorization.strip())
    if match is None:
        raise wrong_scope("Authorization header is not a complete AWS4-HMAC-SHA256 signature.")
    if match["service"] != "lightsail":
        raise wrong_scope("Credential should be scoped to correct service: 'lightsail'.")
    if match["region"] != region:
        raise wrong_scope(f"Credential should be scoped to a valid region, not {match['region']}.")


def check_request(operation: str, params: object) -> dict[str, Any]:
    """The parameters, if they fit the input shape; InvalidInputException names each misfit."""
    shape = operations()[operation].input_shape
    assert shape is not None  # every Lightsail operation has one
    problems = _problems(params, shape, whole=True)
    if problems:
        raise invalid("; ".join(problems))
    assert isinstance(params, dict)
    return params


def check_reply(operation: str, reply: dict[str, Any]) -> dict[str, Any]:
    """The reply, if it fits the output shape; otherwise ReplyError."""
    shape = operations()[operation].output_shape
    assert shape is not None
    # The service itself answers names like "LAMP (PHP 8)" that its pattern matches only in part.
    problems = _problems(reply, shape, whole=False)
    if problems:
        raise ReplyError(f"{operation} answers what the model does not allow: {problems}")
    return reply


def check_error(operation: str, error: ApiError) -> None:
    """ReplyError if an error claims a type that neither the model nor any AWS front end has."""
    known = {shape.name for shape in operations()[operation].error_shapes}
    front_end = {
        "ThrottlingException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "SerializationException",
        "UnknownOperationException",
    }
    if error.kind not in known | front_end:
        raise ReplyError(f"{operation} answers {error.kind}, which does not exist")


def _problems(value: Any, shape: Shape, whole: bool) -> list[str]:
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return str(report.generate_report()).splitlines()
    return list(_misfits(value, shape, "", whole))


def _misfits(value: Any, shape: Shape, path: str, whole: bool) -> list[str]:
    """What botocore's validator leaves to the service: null, bool as number, enum, pattern, max."""
    where = path or "input"
    if isinstance(shape, StructureShape):
        return [
            problem
            for key, member in value.items()
            for problem in _misfits(member, shape.members[key], f"{path}.{key}".strip("."), whole)
        ]
    if isinstance(shape, ListShape):
        return [
            problem
            for index, member in enumerate(value)
            for problem in _misfits(member, shape.member, f"{path}[{index}]", whole)
        ]
    if shape.type_name in ("integer", "long", "float", "double"):
        if isinstance(value, bool):
            return [f"Invalid type for parameter {where}: a boolean is no number"]
        top = shape.metadata.get("max")
        if top is not None and value > top:
            return [f"Invalid value for parameter {where}: {value}, valid max value: {top}"]
        return []
    if shape.type_name == "string":
        return _string_misfits(value, shape, where, whole)
    return []


def _string_misfits(value: str, shape: Shape, where: str, whole: bool) -> list[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        return [f"Invalid value for parameter {where}: {value!r}, one of: {', '.join(allowed)}"]
    pattern = shape.metadata.get("pattern")
    if not pattern:
        return []
    matcher = re.compile(pattern, re.ASCII | re.DOTALL)
    if (matcher.fullmatch if whole else matcher.search)(value):
        return []
    if shape.name == "ResourceName":
        return [
            f"{value!r} is not a valid resource name ({where}). Resource names must be at least 2 "
            "characters long and contain only alphanumerics, - and _"
        ]
    return [f"Invalid value for parameter {where}: {value!r} does not match {pattern}"]
