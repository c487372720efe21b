"""The errors of the API as values: type, HTTP status, message and the finer `code`.

Handlers raise `ApiError`; the server turns it into the wire form, nothing else does. The types
are those of botocore's model, plus the ones every AWS front end answers by itself (throttling,
signature, unknown operation). Texts follow what users of the real service quote where known.
"""

from __future__ import annotations

DOCS = "https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/"


class ApiError(Exception):
    """One refused call. `code` is the finer reason that boto3 shows at `e.response["code"]`."""

    def __init__(self, kind: str, message: str, code: str = "", status: int = 400) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.code = code
        self.status = status

    def body(self) -> dict[str, str]:
        """The JSON body of the reply."""
        body = {"__type": self.kind, "message": self.message}
        if self.code:
            body |= {"code": self.code, "docs": DOCS, "tip": ""}
        return body


def invalid(message: str, code: str = "InvalidParameter") -> ApiError:
    """A request that can never succeed as it stands."""
    return ApiError("InvalidInputException", message, code)


def bad_state(what: str, name: str, state: str) -> ApiError:
    """A request that is fine but comes at the wrong moment of the instance's life."""
    return ApiError(
        "OperationFailureException",
        f"Sorry, we can't {what} {name}: the instance is in state {state}.",
        "IncorrectInstanceState",
    )


def not_found(kind: str, name: str) -> ApiError:
    return ApiError(
        "NotFoundException",
        f"The {kind} does not exist: {name}",
        f"{kind.replace(' ', '')}NotFound",
    )


def name_exists(names: list[str]) -> ApiError:
    return invalid(f"Some names are already in use: {', '.join(names)}", "NameExists")


def quota_reached(what: str) -> ApiError:
    return invalid(
        f"Sorry, you've reached the maximum number of {what} for your account.",
        "ResourceLimitExceeded",
    )


def throttled() -> ApiError:
    return ApiError("ThrottlingException", "Rate exceeded")


def server_error() -> ApiError:
    return ApiError(
        "ServiceException", "The service has encountered an internal error.", "Internal", 500
    )


def access_denied(operation: str) -> ApiError:
    return ApiError(
        "AccessDeniedException",
        "User: arn:aws:iam::111122223333:user/lab is not authorized to perform: "
        f"lightsail:{operation}",
        "AccessDenied",
    )


def expired() -> ApiError:
    return ApiError(
        "ExpiredTokenException", "The security token included in the request is expired"
    )


def unauthenticated() -> ApiError:
    return ApiError("UnauthenticatedException", "Missing Authentication Token", "Unauthenticated")


def wrong_scope(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message)


def unknown_operation(target: str) -> ApiError:
    return ApiError("UnknownOperationException", f"No such operation here: {target}")
