"""What all operations have in common, as parts of an OpenAPI document: error answers, the key,
the health check. Data only; every example is an answer that the services or the gateway give.
"""

from __future__ import annotations

from typing import Any

from story_services.common.http.headers import KEY_PATTERN

_STATUS_NAMES = {
    "400": "BadInput",
    "401": "NoKey",
    "404": "NotFound",
    "409": "Conflict",
    "413": "BodyTooLarge",
    "415": "NotJson",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
}
#: Answers that come from the gateway, in its own form.
GATEWAY = ("401", "429")


def named(status: str) -> str:
    """The name of a common answer in a document's components."""
    return _STATUS_NAMES[status]


def _object(description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
    }


_CODE = {"type": "string", "description": "What programs compare.", "examples": ["not_found"]}
_MESSAGE = {"type": "string", "description": "What people read."}
_DETAILS = {"type": ["string", "null"], "description": "What helps to put it right."}
_STATE: dict[str, Any] = {
    "status": {"type": "string", "enum": ["ok", "down"]},
    "timestamp": {"type": "string", "format": "date-time"},
    "store": {"type": "string", "description": '"ok", or what is wrong with it.'},
}
_ERROR: dict[str, Any] = {"errorCode": _CODE, "message": _MESSAGE, "details": _DETAILS}

SCHEMAS: dict[str, Any] = {
    "Error": _object("Every error of the services.", **_ERROR),
    "GatewayError": _object("An error of the gateway.", message=_MESSAGE),
    "Health": _object("Whether the services can work.", **_STATE),
    "HealthDown": _object("What is down.", **_STATE, **_ERROR),
}


def _json(schema: str, example: Any) -> dict[str, Any]:
    ref = {"$ref": f"#/components/schemas/{schema}"}
    return {"application/json": {"schema": ref, "example": example}}


def _error(description: str, code: str, message: str, details: str | None) -> dict[str, Any]:
    example = {"errorCode": code, "message": message, "details": details}
    return {"description": description, "content": _json("Error", example)}


def _of_gateway(description: str, message: str) -> dict[str, Any]:
    return {"description": description, "content": _json("GatewayError", {"message": message})}


_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}

RESPONSES: dict[str, dict[str, Any]] = {
    "400": _error(
        "The request cannot be understood or names what cannot be.",
        "bad_input",
        "The request is not valid.",
        "title is required",
    ),
    "401": _of_gateway("No key, or one that the gateway does not know.", "Unauthorized"),
    "404": _error(
        "What the path names does not exist.", "not_found", "There is no script 7.", None
    ),
    "409": _error(
        "It was changed meanwhile, or the Idempotency-Key stands for another request.",
        "conflict",
        "script 7 was changed meanwhile; read it and try again.",
        "version 3 (update) by ann at 2026-01-31T12:00:00.000000Z: a better title",
    ),
    "413": _error(
        "The body is too large.",
        "body_too_large",
        "The body is too large.",
        "send less, or in several requests",
    ),
    "415": _error(
        "The body is not JSON.",
        "unsupported_media_type",
        "The body must be JSON.",
        "Content-Type must be application/json",
    ),
    "429": _of_gateway("Too many requests in a short time.", "API rate limit exceeded"),
    "500": _error(
        "A defect; the request id finds it in the log.",
        "internal_error",
        "Something went wrong.",
        "request 0123456789abcdef0123456789abcdef",
    ),
    "503": {
        **_error(
            "The store is away, slow or read-only: ask again later.",
            "store_unavailable",
            "The store does not answer.",
            None,
        ),
        "headers": _RETRY,
    },
}

SECURITY: dict[str, Any] = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "Checked by the gateway.",
    }
}
TOTAL_HEADER: dict[str, Any] = {
    "X-Total-Count": {
        "description": "How many there are in all, whatever limit and offset are.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    }
}
IDEMPOTENCY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request under its key gives its first answer; kept for 24 hours.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
    "example": "3f1c9a52-import-hamlet-17",
}

_NOW = "2026-01-31T12:00:00.000000Z"
_AWAY = "The store does not answer."
HEALTH_PATH: dict[str, Any] = {
    "get": {
        "tags": ["Health"],
        "summary": "Health",
        "description": "Says whether the services can work and what is down; open, without a key.",
        "operationId": "getHealth",
        "security": [],
        "responses": {
            "200": {
                "description": "All is well.",
                "content": _json("Health", {"status": "ok", "timestamp": _NOW, "store": "ok"}),
            },
            "400": {"$ref": "#/components/responses/BadInput"},
            "503": {
                "description": "Something is down.",
                "content": _json(
                    "HealthDown",
                    {
                        "status": "down",
                        "timestamp": _NOW,
                        "store": _AWAY,
                        "errorCode": "unavailable",
                        "message": "The store is down.",
                        "details": _AWAY,
                    },
                ),
            },
        },
    }
}
