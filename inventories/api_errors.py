"""What botocore raises, as sentences: credentials, permission, throttling, network, refusal.

`translated` wraps one call. No request, reply or credential is ever put into a message, only the
operation's name and the service's own sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from inventories.errors import ProvisionError

Kind = Literal[
    "credentials", "denied", "throttled", "network", "server", "missing", "exists", "quota", "other"
]
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_BAD_CREDENTIALS = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "UnauthenticatedException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "IncompleteSignature",
}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
}
_LOGIN = (
    "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws sts get-caller-identity)"
)


class ApiFailure(ProvisionError):
    """A call to the API that did not work. `kind` says why, `operation` which call."""

    def __init__(self, kind: Kind, operation: str, what: str, next_step: str = "") -> None:
        super().__init__(what, next_step)
        self.kind = kind
        self.operation = operation

    @property
    def may_have_worked(self) -> bool:
        """Whether the call may have taken effect although it failed here."""
        return self.kind in ("network", "server", "exists", "throttled")


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn what botocore raises for `operation` into ApiFailure."""
    try:
        yield
    except ClientError as error:
        raise _refusal(operation, error) from None
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise ApiFailure(
            "credentials", operation, f"no AWS credentials: {_sentence(error)}", _LOGIN
        ) from None
    except (CredentialRetrievalError, TokenRetrievalError, SSOError) as error:
        raise ApiFailure(
            "credentials", operation, f"AWS credentials cannot be had: {_sentence(error)}", _LOGIN
        ) from None
    except (ConnectionError, HTTPClientError) as error:
        raise ApiFailure(
            "network",
            operation,
            f"the Lightsail API cannot be reached ({operation}): {_sentence(error)}",
            "check the network (and AWS_ENDPOINT_URL_LIGHTSAIL if it is set)",
        ) from None
    except BotoCoreError as error:
        raise ApiFailure("other", operation, f"{operation} failed: {_sentence(error)}") from None


def _refusal(operation: str, error: ClientError) -> ApiFailure:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message", "")) or code
    fine = str(error.response.get("code") or "")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _EXPIRED:
        return ApiFailure("credentials", operation, f"AWS credentials are expired: {said}", _LOGIN)
    if code in _BAD_CREDENTIALS:
        return ApiFailure("credentials", operation, f"AWS refused the credentials: {said}", _LOGIN)
    if code in _DENIED:
        return ApiFailure(
            "denied",
            operation,
            f"these AWS credentials may not call lightsail:{operation}: {said}",
            f"allow the action lightsail:{operation} (docs/adr/0002-provisioning.md has the list)",
        )
    if code in _THROTTLED:
        return ApiFailure(
            "throttled",
            operation,
            f"the Lightsail API kept refusing {operation} as too many requests",
            "wait a minute",
        )
    if code == "NotFoundException":
        return ApiFailure("missing", operation, said)
    if fine == "NameExists" or "already in use" in said:
        return ApiFailure("exists", operation, said)
    if "maximum number" in said or "LimitExceeded" in fine:
        return ApiFailure(
            "quota",
            operation,
            f"AWS refused {operation}: {said}",
            "delete what is not needed, or ask AWS for a higher Lightsail limit (service quotas)",
        )
    if status >= 500 or code == "ServiceException":
        return ApiFailure(
            "server", operation, f"the Lightsail API failed in {operation}: {said}", "wait a minute"
        )
    return ApiFailure("other", operation, f"AWS refused {operation}: {said}")


def _sentence(error: Exception) -> str:
    """The exception's own words on one line, without the URL's query."""
    return " ".join(str(error).split()).rstrip(".")
