"""Read an upload: the files in a multipart form, the options beside them, and nothing else.

An option is a text field of the form or, as suits some clients better, of the query string.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import (
    ApiError,
    BatchTooLargeError,
    MalformedRequestError,
    MissingFieldError,
    NotAFileError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    quote,
)
from service.options import MODEL, PREVIEW, check_query, flag, in_words, option

MEDIA_TYPE = "multipart/form-data"
OPTIONS = (MODEL, PREVIEW)

# What clients write of a file whose type they do not know, or have confused with the form's.
_UNKNOWN_TYPES = frozenset(
    {"", "*/*", "application/octet-stream", "binary/octet-stream", MEDIA_TYPE}
)

_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 4096


# The bytes of a file, or why they are not looked at.
File = bytes | UnsupportedMediaTypeError


@dataclass(frozen=True)
class Form:
    """Each file, in order, the model asked for, if any, and whether to preview."""

    files: list[File]
    model: str | None
    preview: bool = False


async def read_form(request: Request, field: str, max_files: int) -> Form:
    """Read the files in `field`, and the options `model` and `preview`.

    Raises:
        UnsupportedMediaTypeError: the body is not a multipart form.
        MalformedRequestError: the form is broken or cut off.
        MissingFieldError: there is no `field`.
        NotAFileError: `field` holds a text; a URL is never fetched.
        UnexpectedFieldError: there is another field, or option in the query, or one too many.
        BatchTooLargeError: there are more than `max_files` files.
        WrongTypeError: `preview` is neither true nor false.

    """
    query = request.query_params
    check_query(query, OPTIONS)
    form = await _parse(request, max_files)
    try:
        _check_fields(form, field, max_files)
        uploads = [upload for upload in form.getlist(field) if isinstance(upload, UploadFile)]
        files = [await _file(upload) for upload in uploads]
        model, preview = (
            option(name, [*form.getlist(name), *query.getlist(name)]) for name in OPTIONS
        )
        return Form(files, model, flag(PREVIEW, preview))
    finally:
        await form.close()


class _Parser(MultiPartParser):
    """Starlette's parser, in memory, and refusing a form that was cut off."""

    spool_max_size = 0  # no temporary files on disk: the limit of the body bounds the memory
    _ended = False

    def __init__(self, request: Request, max_files: int) -> None:
        super().__init__(
            request.headers,
            self._whole(request.stream()),
            # One more than allowed: the caller's own check can then name the field.
            max_files=max_files + 1,
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._ended:
            raise MultiPartException("it ends before its closing boundary")


async def _parse(request: Request, max_files: int) -> FormData:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}, expected {MEDIA_TYPE}; "
            "with curl, upload by `-F image=@digit.png`"
        )
    try:
        return await _Parser(request, max_files).parse()
    except MultiPartException as error:
        raise _translate(error.message, max_files) from error
    except UnicodeError as error:
        raise MalformedRequestError(
            "a field of the form cannot be read in the charset that it names; use UTF-8"
        ) from error


async def _file(upload: UploadFile) -> File:
    """The bytes, unless they call themselves something else than an image.

    What kind of image is not compared: phones and browsers go by the file's name, and often err.
    """
    declared = (upload.content_type or "").partition(";")[0].strip().lower()
    if declared.startswith("image/") or declared in _UNKNOWN_TYPES:
        return await upload.read()
    return UnsupportedMediaTypeError(
        f"the file's own Content-Type is {quote(declared)}, expected that of an image, "
        "application/octet-stream, or none; with curl, write `-F 'image=@digit.png;type=image/png'`"
    )


def _translate(message: str, max_files: int) -> ApiError:
    if message.startswith("Too many files"):
        return _too_many(f"more than {max_files + 1}", max_files)
    if message.startswith("Part exceeded"):
        return MalformedRequestError(
            f"a text field of the form exceeds {_MAX_FIELD_BYTES} bytes; "
            "send an image as a file, with a file name"
        )
    return MalformedRequestError(f"the multipart form cannot be read: {message}")


def _check_fields(form: FormData, field: str, max_files: int) -> None:
    if unexpected := sorted(set(form) - {field, *OPTIONS}):
        raise UnexpectedFieldError(
            f"the form holds {quote(unexpected[0])}, expected {field!r} and, if wanted, "
            + in_words(OPTIONS)
        )
    values = form.getlist(field)
    if not values:
        raise MissingFieldError(f"the form lacks {field!r}; send an image as a file in it")
    for value in values:
        if isinstance(value, str):
            raise NotAFileError(
                f"{field!r} holds the text {quote(value)}, expected a file with a file name; "
                "send the bytes of the image, for a URL or a path is never opened"
            )
    if len(values) > max_files:
        raise _too_many(f"{len(values)}", max_files)


def _too_many(found: str, max_files: int) -> ApiError:
    """One file too many is a mistake where one is expected, and a limit where several are."""
    if max_files == 1:
        return UnexpectedFieldError(
            "the form holds several images, expected one; send several to /predict_batch"
        )
    return BatchTooLargeError(
        f"the form holds {found} images, at most {max_files} are allowed; send several requests"
    )
