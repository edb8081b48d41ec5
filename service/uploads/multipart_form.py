"""The fields of a multipart form (RFC 7578), files and texts, in memory."""

from dataclasses import dataclass, field
from typing import Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from service.errors import MalformedRequestError, UnsupportedMediaTypeError, quote

MEDIA_TYPE = "multipart/form-data"
MAX_TEXTS = 16
MAX_TEXT_BYTES = 4096


@dataclass(frozen=True)
class Field:
    """One field: a file when it has a file name, be it empty, and else a text."""

    name: str
    is_file: bool
    media_type: str  # its own, in lower case, without parameters; "" if it says none
    charset: str  # of a text
    pieces: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """The bytes of it."""
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        """What the bytes say.

        Raises:
            MalformedRequestError: they do not say anything in the charset that the field names.

        """
        try:
            return self.data.decode(self.charset)
        except (LookupError, ValueError) as error:
            raise MalformedRequestError(
                f"the field {quote(self.name)} of the form cannot be read in the charset that it "
                "names; use UTF-8"
            ) from error


class TooManyFilesError(Exception):
    """There are more files than were asked for."""


async def read_fields(request: Request, max_files: int) -> list[Field]:
    """The fields of the form in the body, in order.

    Raises:
        UnsupportedMediaTypeError: the body is no such form.
        MalformedRequestError: it is broken or cut off, or has too many or too long texts.
        TooManyFilesError: it has more than `max_files` files.

    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}, expected {MEDIA_TYPE}; "
            "with curl, upload by `-F image=@digit.png`"
        )
    fields: list[Field] = []
    try:
        parser = PushMultipartParser(options.get("boundary", ""))
        async for chunk in request.stream():
            for event in parser.parse(chunk) if chunk else ():
                _take(event, fields, max_files)
        parser.close()
    except MultipartError as error:
        raise MalformedRequestError(f"the multipart form cannot be read: {error}") from error
    return fields


def _take(event: Any, fields: list[Field], max_files: int) -> None:
    """A field that begins, a piece of the last one, or None at the end of that."""
    if isinstance(event, MultipartSegment):
        fields.append(_field(event))
        files = sum(found.is_file for found in fields)
        if files > max_files:
            raise TooManyFilesError
        if len(fields) - files > MAX_TEXTS:
            raise MalformedRequestError(
                f"the form holds more than {MAX_TEXTS} texts; send files and options only"
            )
    elif event:
        last = fields[-1]
        last.pieces.append(bytes(event))
        if not last.is_file and sum(map(len, last.pieces)) > MAX_TEXT_BYTES:
            raise MalformedRequestError(
                f"a text field of the form exceeds {MAX_TEXT_BYTES} bytes; "
                "send an image as a file, with a file name"
            )


def _field(segment: MultipartSegment) -> Field:
    if not segment.name:
        raise MalformedRequestError("a field of the form has no name; give it one")
    is_file = segment.filename is not None
    return Field(segment.name, is_file, segment.content_type or "", segment.charset or "utf-8")
