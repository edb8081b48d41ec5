"""Every error that a client can meet: one tree, each with one code and one status, and one body.

    {"error": {"code": "not_an_image", "message": "...", "status": 415}}

Codes are stable and made for programs; messages are made for people, name the value, what was
expected and the remedy, and may change.
"""

import reprlib
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar, TypedDict


class ErrorDetail(TypedDict):
    """What went wrong: a stable code, a message for people, the HTTP status."""

    code: str
    message: str
    status: int


class ErrorBody(TypedDict):
    """The one body of every failure."""

    error: ErrorDetail


class ApiError(Exception):
    """The root of the tree. Its subclasses' docstrings describe the codes in `/docs.json`."""

    code: ClassVar[str]
    status: ClassVar[HTTPStatus]
    headers: Mapping[str, str] = MappingProxyType({})  # that HTTP wants with this status

    def __init_subclass__(cls, *, code: str = "", status: int = 0) -> None:
        if code:
            cls.code, cls.status = code, HTTPStatus(status)

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Say `message`; `headers` go out with it instead of those of the class."""
        super().__init__(message)
        if headers is not None:
            self.headers = headers

    def body(self) -> ErrorBody:
        """The one error body for this failure."""
        return {"error": {"code": self.code, "message": str(self), "status": self.status.value}}


class MalformedRequestError(ApiError, code="malformed_request", status=400):
    """The request cannot be read, for example because its multipart form is broken."""


class InvalidJsonError(ApiError, code="invalid_json", status=400):
    """The body is not JSON."""


class UnknownTensorError(ApiError, code="unknown_tensor", status=400):
    """The model has no input, or no output, of this name; the message lists those that it has."""


class OriginNotAllowedError(ApiError, code="origin_not_allowed", status=400):
    """Pages of this origin, or by this method, may not ask from a browser."""


class UnauthorizedError(ApiError, code="unauthorized", status=401):
    """The service asks for an API key, and the request carries none that it knows."""

    headers: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Bearer"})


class NotFoundError(ApiError, code="not_found", status=404):
    """There is no such route."""


class ModelNotFoundError(ApiError, code="model_not_found", status=404):
    """No published model has this name or version; the message lists those that exist."""


class UnknownRequestError(ApiError, code="unknown_request", status=404):
    """No prediction is kept of a request with this id, or none at this place in it."""


class MethodNotAllowedError(ApiError, code="method_not_allowed", status=405):
    """The route exists, but not with this HTTP method."""


class SlowClientError(ApiError, code="client_too_slow", status=408):
    """The body did not come, or came too slowly."""

    headers: Mapping[str, str] = MappingProxyType({"Connection": "close"})


class AmbiguousRequestError(ApiError, code="ambiguous_request", status=409):
    """The request with this id had several pictures, or several requests had this id."""


class TooLargeError(ApiError):
    """Something exceeds a limit; the message names the limit."""


class BodyTooLargeError(TooLargeError, code="body_too_large", status=413):
    """The request body has more bytes than allowed."""


class BatchTooLargeError(TooLargeError, code="batch_too_large", status=413):
    """The request holds more images, pixels of them, sequences or rows of a tensor than allowed."""


class ImageTooLargeError(TooLargeError, code="image_too_large", status=413):
    """The image has more pixels than allowed."""


class HeadTooLargeError(TooLargeError, code="head_too_large", status=431):
    """The head of the request, or what follows its body, has more bytes than allowed."""


class UnsupportedMediaTypeError(ApiError, code="unsupported_media_type", status=415):
    """The route does not read this Content-Type, of the request or a file, or Content-Encoding."""


class NotAnImageError(ApiError, code="not_an_image", status=415):
    """The file is not a readable PNG, JPEG, WebP, BMP, GIF or TIFF image."""


class InvalidInputError(ApiError):
    """The request can be read, but its content cannot be used."""


class EmptyFileError(InvalidInputError, code="empty_file", status=422):
    """The uploaded file has no bytes."""


class MissingFieldError(InvalidInputError, code="missing_field", status=422):
    """A required field is absent."""


class UnexpectedFieldError(InvalidInputError, code="unexpected_field", status=422):
    """A field is unknown to the route, or given more often than it may be."""


class NotAFileError(InvalidInputError, code="not_a_file", status=422):
    """A text, for example a URL, stands where the bytes of a file belong."""


class EmptyBatchError(InvalidInputError, code="empty_batch", status=422):
    """The list of sequences, or an axis of a tensor, is empty."""


class WrongTypeError(InvalidInputError, code="wrong_type", status=422):
    """A value has another type than the route reads."""


class WrongShapeError(InvalidInputError, code="wrong_shape", status=422):
    """The sequences are not n x 28 x 28 numbers, or a tensor is not shaped as its model says."""


class NotFiniteError(InvalidInputError, code="not_finite", status=422):
    """A number is NaN, infinite, or too large to be represented."""


class OutOfRangeError(InvalidInputError, code="out_of_range", status=422):
    """A number lies outside [0, 1], the range of its tensor, or the ten digits."""


class WrongTaskError(InvalidInputError, code="wrong_task", status=422):
    """The model exists but does not classify digits."""


class WrongStateError(InvalidInputError, code="wrong_state", status=422):
    """The state of a reading was not handed out by the model that is served now, or was altered."""


class TooCostlyError(InvalidInputError, code="too_costly", status=422):
    """Reading it takes more time or memory than allowed, whatever its size."""


class TooManyRequestsError(ApiError, code="too_many_requests", status=429):
    """The service has more to do than it can answer soon; `Retry-After` says when to try again."""

    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "1"})


class InternalError(ApiError, code="internal", status=500):
    """A fault of the service; its log tells more."""


class NotReadyError(ApiError, code="not_ready", status=503):
    """The models are not loaded; the message says why."""


class RequestTimeoutError(ApiError, code="timeout", status=504):
    """The answer was not ready in time."""


class NotKeptError(ApiError, code="not_kept", status=507):
    """A correction cannot be written, for example because the disk is full; the log says why."""


def known_errors(root: type[ApiError] = ApiError) -> list[type[ApiError]]:
    """Every error of the tree that has a code, in the order of the tree."""
    own = [root] if "code" in vars(root) else []
    return own + [error for child in root.__subclasses__() for error in known_errors(child)]


class _BriefRepr(reprlib.Repr):
    """`repr` of a client's value in a time that does not depend on how large the value is."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = length
        # At most 100 values are looked at, in lists of lists too; the text is cut anyway.
        self.maxlevel, self.maxlist, self.maxtuple = 2, 10, 10

    def repr_int(self, x: int, level: int) -> str:
        """All digits, or about how many there are: to write them out takes their number squared."""
        bits = x.bit_length()
        return repr(x) if bits < 200 else f"a number of about {bits * 3 // 10} digits"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """The first bytes."""
        return repr(x[: self.maxstring])

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """How many fields there are, for the standard library sorts them all to show a few."""
        return f"an object of {len(x)} fields"


def quote(value: Any, length: int = 60) -> str:
    """A client's value for a message: quoted, printable, and cut after `length` characters."""
    text = _BriefRepr(length).repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
