"""Read an upload: the files and the model's name in a multipart form, and nothing else."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import msgspec
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

MEDIA_TYPE = "multipart/form-data"
MODEL = "model"

_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 4096


@dataclass(frozen=True)
class Form:
    """What was uploaded: the bytes of each file, in order, and the model asked for, if any."""

    files: list[bytes]
    model: str | None


async def read_form(request: Request, field: str, max_files: int) -> Form:
    """Read the files in `field`, and `model`.

    Raises:
        UnsupportedMediaTypeError: the body is not a multipart form.
        MalformedRequestError: the form is broken or cut off.
        MissingFieldError: there is no `field`.
        NotAFileError: `field` holds a text; a URL is never fetched.
        UnexpectedFieldError: there is another field, or one too many.
        BatchTooLargeError: there are more than `max_files` files.

    """
    form = await _parse(request, max_files)
    try:
        _check_fields(form, field, max_files)
        uploads = [upload for upload in form.getlist(field) if isinstance(upload, UploadFile)]
        return Form([await upload.read() for upload in uploads], _model(form))
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
    if unexpected := sorted(set(form) - {field, MODEL}):
        raise UnexpectedFieldError(
            f"the form holds {quote(unexpected[0])}, expected {field!r} and, if wanted, {MODEL!r}"
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


def _model(form: FormData) -> str | None:
    """The model asked for, as bare text (curl) or as JSON (BentoML's client); empty means none."""
    values = form.getlist(MODEL)
    if len(values) > 1 or any(isinstance(value, UploadFile) for value in values):
        raise UnexpectedFieldError(f"{MODEL!r} must be one text; name one model, or none")
    text = str(values[0]).strip() if values else ""
    if text.startswith('"') or text == "null":
        try:
            return msgspec.json.decode(text, type=str | None)
        except ValueError:
            return text  # no model is called that, which is a better error than broken JSON
    return text or None


def _too_many(found: str, max_files: int) -> ApiError:
    """One file too many is a mistake where one is expected, and a limit where several are."""
    if max_files == 1:
        return UnexpectedFieldError(
            "the form holds several images, expected one; send several to /predict_batch"
        )
    return BatchTooLargeError(
        f"the form holds {found} images, at most {max_files} are allowed; send several requests"
    )
