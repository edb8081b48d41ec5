"""Read an upload: the files in a multipart form, the options beside them, and nothing else.

An option is a text field of the form or, as suits some clients better, of the query string.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from service.errors import (
    ApiError,
    BatchTooLargeError,
    MissingFieldError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    quote,
)
from service.uploads.multipart_form import MEDIA_TYPE, Field, TooManyFilesError, read_fields
from service.uploads.options import (
    MODEL,
    PREVIEW,
    check_query,
    flag,
    in_words,
    option,
    read_query_string,
)

OPTIONS = (MODEL, PREVIEW)

# What clients write of a file whose type they do not know, or have confused with the form's.
_UNKNOWN_TYPES = frozenset(
    {"", "*/*", "application/octet-stream", "binary/octet-stream", MEDIA_TYPE}
)

# The bytes of a file, or why they are not looked at.
File = bytes | UnsupportedMediaTypeError


@dataclass(frozen=True)
class Form:
    """Each file, in order, the model asked for, if any, whether to preview, and other options."""

    files: list[File]
    model: str | None
    preview: bool = False
    others: Mapping[str, str | None] = dataclasses.field(default_factory=dict)


async def read_form(
    request: Request, field: str, max_files: int, others: Sequence[str] = ()
) -> Form:
    """Read the files in `field`, the options `model` and `preview`, and `others` if there are any.

    Raises:
        UnsupportedMediaTypeError: the body is not a multipart form.
        MalformedRequestError: the form is broken or cut off.
        MissingFieldError: there is no `field`.
        NotAFileError: `field` holds a text; a URL is never fetched.
        UnexpectedFieldError: there is another field, or option in the query, or one too many.
        BatchTooLargeError: there are more than `max_files` files.
        WrongTypeError: `preview` is neither true nor false.

    """
    query = read_query_string(request.scope)
    options = (*OPTIONS, *others)
    check_query(query, options)
    try:
        # One more than allowed, so that a field of another name is named rather than counted.
        fields = await read_fields(request, field, max_files + 1)
    except TooManyFilesError:
        raise _too_many(f"more than {max_files + 1}", max_files) from None
    _check_fields(fields, field, max_files, options)
    given = {name: option(name, [*_named(fields, name), *query.getlist(name)]) for name in options}
    files = [_file(found) for found in fields if found.name == field]
    rest = {name: given[name] for name in others}
    return Form(files, given[MODEL], flag(PREVIEW, given[PREVIEW]), rest)


def _named(fields: list[Field], name: str) -> list[str | Field]:
    """The texts of this name, and files as they are."""
    return [found if found.is_file else found.text for found in fields if found.name == name]


def _file(field: Field) -> File:
    """The bytes, unless they call themselves something else than an image.

    What kind of image is not compared: phones and browsers go by the file's name, and often err.
    """
    if field.media_type.startswith("image/") or field.media_type in _UNKNOWN_TYPES:
        return field.data
    return UnsupportedMediaTypeError(
        f"the file's own Content-Type is {quote(field.media_type)}, expected that of an image, "
        "application/octet-stream, or none; with curl, write `-F 'image=@digit.png;type=image/png'`"
    )


def _check_fields(fields: list[Field], field: str, max_files: int, options: Sequence[str]) -> None:
    if unexpected := sorted({found.name for found in fields} - {field, *options}):
        raise UnexpectedFieldError(
            f"the form holds {quote(unexpected[0])}, expected {field!r} and, if wanted, "
            + in_words(options)
        )
    count = sum(found.name == field for found in fields)
    if not count:
        raise MissingFieldError(f"the form lacks {field!r}; send an image as a file in it")
    if count > max_files:
        raise _too_many(f"{count}", max_files)


def _too_many(found: str, max_files: int) -> ApiError:
    """One file too many is a mistake where one is expected, and a limit where several are."""
    if max_files == 1:
        return UnexpectedFieldError(
            "the form holds several images, expected one; send several to /predict_batch"
        )
    return BatchTooLargeError(
        f"the form holds {found} images, at most {max_files} are allowed; send several requests"
    )
