"""The fields of a multipart form (RFC 7578), files and texts, in memory."""

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from service.errors import MalformedRequestError, NotAFileError, UnsupportedMediaTypeError, quote
from service.uploads.multipart_parser import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

MEDIA_TYPE = "multipart/form-data"

# Texts in one form, and bytes in one text. The options are two short texts; more or longer ones
# would only be kept to be refused.
MAX_TEXTS = 16
MAX_TEXT_BYTES = 4096

# Bytes with which a file of one of the formats that are read begins, and no text does.
_IMAGE = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II[*+]\0|MM\0[*+]|RIFF....WEBP|BM....\0\0\0\0", re.DOTALL
)
# A file name beside its name in another charset (RFC 5987), which older clients give alone.
_FILE_NAME = re.compile(r";\s*filename\*\s*=", re.IGNORECASE)
# Charsets of a text; others take Python up to 20 ms for 4 KiB, and nobody writes a name in them.
_CHARSETS = frozenset(
    {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252"}
)


@dataclass
class Field:
    """One field of a form, file or text, its bytes in the pieces in which they came."""

    name: str
    is_file: bool
    media_type: str  # its own, in lower case, without parameters; "" if it says none
    charset: str  # of a text, in lower case
    pieces: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """The bytes of it."""
        return b"".join(self.pieces)

    @property
    def looks_like_image(self) -> bool:
        """Whether the bytes so far begin as those of an image do."""
        return _IMAGE.match(self.data) is not None

    @property
    def text(self) -> str:
        """What the bytes say.

        Raises:
            MalformedRequestError: they do not say anything in the charset that the field names.

        """
        try:
            if self.charset in _CHARSETS:
                return self.data.decode(self.charset)
        except ValueError:
            pass
        raise MalformedRequestError(
            f"the field {quote(self.name)} of the form cannot be read in the charset that it "
            "names; use UTF-8"
        )


class TooManyFilesError(Exception):
    """There are more files than were asked for."""


async def read_fields(request: Request, file_field: str, max_files: int) -> list[Field]:
    """The fields of the form in the body, in order.

    A field is a file if it has a file name, in whatever charset, or a type of image, or begins as
    an image does: `curl -F 'image=<digit.png'` sends no file name.

    Raises:
        UnsupportedMediaTypeError: the body is no such form.
        MalformedRequestError: it is broken or cut off, or has too many or too long texts.
        NotAFileError: there is a text in `file_field`.
        TooManyFilesError: it has more than `max_files` files.

    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}, expected {MEDIA_TYPE}; "
            f"with curl, upload by `-F {file_field}=@digit.png`"
        )
    boundary = options.get("boundary", "").encode("latin-1")
    form, first = _Form(file_field, max_files), b""
    try:
        # Latin-1, of which any bytes are a text: file names come in every charset.
        parser = PushMultipartParser(boundary, header_charset="latin-1")
        async for chunk in request.stream():
            first = first or chunk
            for event in parser.parse(chunk) if chunk else ():
                form.take(event)
        parser.close()
    except MultipartError as error:
        if not boundary or b"--" + boundary not in first:
            raise MalformedRequestError(
                "the multipart form cannot be read: Content-Type names no boundary, or not the one "
                "in the body; leave this header to the client, which knows it, as in "
                f"`curl -F {file_field}=@digit.png URL`"
            ) from error
        raise MalformedRequestError(f"the multipart form cannot be read: {error}") from error
    return form.fields


class _Form:
    """Collects the fields of a form as the parser finds them."""

    def __init__(self, file_field: str, max_files: int) -> None:
        self.fields: list[Field] = []
        self._file_field, self._max_files = file_field, max_files
        self._files = self._texts = self._text_bytes = 0

    def take(self, event: Any) -> None:
        """A field that begins, a piece of the last one, or None at the end of that."""
        if isinstance(event, MultipartSegment):
            self.fields.append(_field(event))
            self._text_bytes = 0
            return
        last = self.fields[-1]
        if event:
            last.pieces.append(bytes(event))
            if not last.is_file:
                self._check_length(last, len(event))
        else:
            self._count(last)

    def _check_length(self, text: Field, more: int) -> None:
        """Refuse a long text, unless it turns out to be an image."""
        self._text_bytes += more
        if self._text_bytes <= MAX_TEXT_BYTES:
            return
        text.is_file = text.looks_like_image
        if text.is_file:
            return
        if text.name == self._file_field:
            raise _not_a_file(text)
        raise MalformedRequestError(
            f"the text {quote(text.name)} of the form exceeds {MAX_TEXT_BYTES} bytes; send files "
            "with a file name, and else options only"
        )

    def _count(self, last: Field) -> None:
        last.is_file = last.is_file or last.looks_like_image
        if last.is_file:
            self._files += 1
            if self._files > self._max_files:
                raise TooManyFilesError
            return
        if last.name == self._file_field:
            raise _not_a_file(last)
        self._texts += 1
        if self._texts > MAX_TEXTS:
            raise MalformedRequestError(
                f"the form holds more than {MAX_TEXTS} texts; send files and options only"
            )


def _field(segment: Any) -> Field:
    try:
        name = segment.name.encode("latin-1").decode()
    except ValueError as error:
        raise MalformedRequestError(
            "a field of the form has a name that is not UTF-8; give it another"
        ) from error
    if not name:
        raise MalformedRequestError("a field of the form has no name; give it one")
    media_type = segment.content_type or ""
    is_file = (
        segment.filename is not None
        or media_type.startswith("image/")
        or bool(_FILE_NAME.search(segment.header("Content-Disposition")))
    )
    return Field(name, is_file, media_type, (segment.charset or "utf-8").lower())


def _not_a_file(text: Field) -> NotAFileError:
    begins = text.data[:MAX_TEXT_BYTES].decode(errors="replace")
    return NotAFileError(
        f"{text.name!r} holds the text {quote(begins)}, which is no image; send the bytes of one "
        f"as a file, with curl by `-F {text.name}=@digit.png`: a URL or a path is never opened"
    )
