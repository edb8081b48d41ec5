"""Uploads: what a form may hold, and a clear answer to everything else."""

import asyncio
import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from service.errors import (
    ApiError,
    BatchTooLargeError,
    MalformedRequestError,
    MissingFieldError,
    NotAFileError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongTypeError,
)
from service.uploads.form import Form, read_form
from tests.support.servers.fake_requests import raw, upload

ONE = {"image": ("digit.png", b"bytes")}


def read(request: Request, field: str = "image", max_files: int = 1) -> Form:
    return asyncio.run(read_form(request, field, max_files))


def test_one_file() -> None:
    assert read(upload(files=ONE)) == Form([b"bytes"], None)


def test_a_file_that_calls_itself_no_image_is_refused_in_its_own_place() -> None:
    image = ("digit.png", b"bytes", "image/png")
    files = [("images", part) for part in (image, ("a.pdf", b"bytes", "application/pdf"), image)]
    first, refused, third = read(upload(files=files), "images", max_files=3).files
    assert first == third == b"bytes"
    assert isinstance(refused, UnsupportedMediaTypeError)
    assert "Content-Type is 'application/pdf', expected that of an image" in str(refused)


@pytest.mark.parametrize(
    "declared", ["text/html", "Text/Plain; charset=utf-8", "video/mp4", "imagepng", "x" * 900]
)
def test_what_is_no_image_by_its_own_word_is_refused(declared: str) -> None:
    [refused] = read(upload(files={"image": ("digit.png", b"bytes", declared)})).files
    assert isinstance(refused, UnsupportedMediaTypeError)


@pytest.mark.parametrize(
    "declared",
    ["image/png", "image/jpg", "IMAGE/JPEG; q=1", "image/x-ms-bmp", "image/heic", "*/*",
     "application/octet-stream", "binary/octet-stream", "multipart/form-data"],
)  # fmt: skip
def test_an_image_by_any_name_or_none_is_read(declared: str) -> None:
    assert read(upload(files={"image": ("digit", b"bytes", declared)})).files == [b"bytes"]


def test_a_file_without_a_type_is_read() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc\r\n--b--'
    request = raw(body, {"content-type": "multipart/form-data; boundary=b"})
    assert read(request).files == [b"abc"]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def part(disposition: bytes, data: bytes, media_type: bytes = b"") -> Request:
    """A form of one part."""
    head = b"Content-Disposition: form-data; " + disposition
    if media_type:
        head += b"\r\nContent-Type: " + media_type
    body = b"--b\r\n" + head + b"\r\n\r\n" + data + b"\r\n--b--\r\n"
    return raw(body, {"content-type": "multipart/form-data; boundary=b"})


@pytest.mark.parametrize(
    "data",
    [PNG, b"\xff\xd8\xff\xe0JFIF", b"GIF89a..", b"II*\0....", b"MM\0*....", b"RIFF\0\0\0\0WEBPVP8 ",
     b"BM\x36\0\0\0\0\0\0\0", PNG + bytes(100_000)],
    ids=lambda data: repr(data[:8]),
)  # fmt: skip
def test_an_image_without_a_file_name_is_a_file(data: bytes) -> None:
    assert read(part(b'name="image"', data)).files == [data]


def test_a_part_that_calls_itself_an_image_is_a_file() -> None:
    request = part(b'name="image"', b"of another kind", b"image/heic")
    assert read(request).files == [b"of another kind"]


@pytest.mark.parametrize(
    "disposition",
    [b"name=image; filename*=utf-8''%E6%95%B0.png", b"name=\"image\"; FileName*=UTF-8''a.png"],
)
def test_a_file_name_in_another_charset_alone_makes_a_file(disposition: bytes) -> None:
    assert read(part(disposition, b"bytes")).files == [b"bytes"]


@pytest.mark.parametrize("name", ["si\xe8ge.png".encode("latin-1"), b"\xff" * 3000])
def test_a_file_name_in_any_charset_is_let_pass(name: bytes) -> None:
    assert read(part(b'name="image"; filename="' + name + b'"', b"bytes")).files == [b"bytes"]


@pytest.mark.parametrize("size", [0, 10, 3000, 5000, 100_000])
@pytest.mark.parametrize("byte", [b"x", b"\xff"])
def test_a_part_without_a_file_name_that_is_no_image_has_one_message(
    size: int, byte: bytes
) -> None:
    with pytest.raises(NotAFileError, match=r"'image' holds the text .* by `-F image=@digit\.png`"):
        read(part(b'name="image"', byte * size))


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=other", '; boundary="\xff"'])
def test_a_boundary_that_is_not_the_body_s_is_told_with_the_remedy(boundary: str) -> None:
    body = asyncio.run(upload(files=ONE).body())
    request = raw(body, {"content-type": f"multipart/form-data{boundary}"})
    with pytest.raises(
        MalformedRequestError,
        match=r"leave this header to the client, .* `curl -F image=@digit\.png URL`",
    ):
        read(request)


@pytest.mark.parametrize("filler", [b"\r\n--b ", b"\r\n--bX", b"\r\n--", b"\r", b" "])
def test_what_is_nearly_a_boundary_takes_no_time(filler: bytes) -> None:
    whole = b"x\r\n--b" + filler * (2**20 // len(filler))
    start = time.process_time()
    with contextlib.suppress(MalformedRequestError):
        read(part(b'name="image"; filename="a"', whole))
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "undefined", "none"])
def test_a_text_in_a_charset_that_no_client_writes_is_refused(charset: str) -> None:
    model = (None, b"gru", f"text/plain; charset={charset}")
    with pytest.raises(MalformedRequestError, match=r"'model' of the form .* use UTF-8"):
        read(upload(files={**ONE, "model": model}))


@pytest.mark.parametrize("charset", ["UTF-8", "us-ascii", "ISO-8859-1", '"utf-8"'])
def test_a_text_in_a_usual_charset_is_read(charset: str) -> None:
    model = (None, b"gru", f"text/plain; charset={charset}")
    assert read(upload(files={**ONE, "model": model})).model == "gru"


def test_several_files_keep_their_order() -> None:
    files = [("images", (f"{i}.png", bytes([i]) * 3000)) for i in range(5)]
    form = read(upload(files=files), "images", max_files=5)
    assert form.files == [bytes([i]) * 3000 for i in range(5)]


def test_a_file_of_several_megabytes_is_whole() -> None:
    data = bytes(range(256)) * 20_000
    assert read(upload(files={"image": ("big", data)})).files == [data]


@pytest.mark.parametrize(
    ("text", "model"),
    [("gru", "gru"), ('"gru"', "gru"), (" gru ", "gru"), ("", None), ("null", None), ('""', None),
     ("nonsense", "nonsense"), ('"half', '"half'), ("7", "7")],
)  # fmt: skip
def test_the_model_s_name_as_text_or_as_json(text: str, model: str | None) -> None:
    form = read(upload(files=ONE, data={"model": text}))
    assert (form.model or None) == model


@pytest.mark.parametrize(
    ("text", "preview"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("0", False), ("", False)],
)
def test_a_preview_is_asked_for_in_the_form_or_in_the_query(text: str, preview: bool) -> None:
    assert read(upload(files=ONE, data={"preview": text})).preview is preview
    assert read(upload(f"http://test/predict?preview={text}", files=ONE)).preview is preview


@pytest.mark.parametrize("name", ["Model", "mode", "image", "previews", ""])
def test_an_option_of_the_query_that_is_none_is_named_beside_those_there_are(name: str) -> None:
    request = upload(f"http://test/predict?model=gru&{name}=1", files=ONE)
    with pytest.raises(
        UnexpectedFieldError, match=rf"query string holds '{name}', expected 'model' and 'preview'"
    ):
        read(request)


def test_a_query_string_of_many_fields_is_refused_before_it_is_read() -> None:
    request = raw(b"", {"content-type": "multipart/form-data; boundary=b"}, query=b"a&" * 32_000)
    with pytest.raises(UnexpectedFieldError, match="has 64000 bytes, at most 4096"):
        read(request)


def test_an_option_is_given_once() -> None:
    request = upload("http://test/predict?model=gru", files=ONE, data={"model": "rnn"})
    with pytest.raises(UnexpectedFieldError, match="'model' must be one text; give it once"):
        read(request)


def test_a_preview_that_is_neither_true_nor_false_is_named() -> None:
    with pytest.raises(WrongTypeError, match="'preview' is 'please', expected true or false"):
        read(upload(files=ONE, data={"preview": "please"}))


@pytest.mark.parametrize("content_type", ["", "application/json", "image/png", "multipart/mixed"])
def test_another_content_type_is_refused_with_the_right_one(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match=r"expected multipart/form-data.*curl"):
        read(raw(b"x", {"content-type": content_type}))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc',
         "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n",
         "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 5000,
         "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nabc\r\n--b--\r\n',
         "multipart/form-data; boundary=b; charset=undefined"),
    ],
)  # fmt: skip
def test_a_broken_or_cut_form_is_malformed(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedRequestError, match="form"):
        read(raw(body, {"content-type": content_type}))


def test_a_form_without_the_image_lacks_it() -> None:
    with pytest.raises(MissingFieldError, match="lacks 'image'"):
        read(upload(files={"model": (None, "gru")}))


@pytest.mark.parametrize("text", ["http://127.0.0.1/digit.png", "/etc/passwd", ""])
def test_a_text_in_the_place_of_a_file_is_not_opened(text: str) -> None:
    with pytest.raises(NotAFileError, match="never opened"):
        read(upload(files={"image": (None, text)}))


def test_another_field_is_named() -> None:
    with pytest.raises(UnexpectedFieldError, match=r"holds 'picture', expected 'image'"):
        read(upload(files={"picture": ("a", b"x")}))


@pytest.mark.parametrize("count", [2, 3, 9])
def test_several_images_where_one_is_expected(count: int) -> None:
    with pytest.raises(UnexpectedFieldError, match="/predict_batch"):
        read(upload(files=[("image", ("a", b"x"))] * count))


def test_a_file_for_the_model_or_two_models_are_refused() -> None:
    with pytest.raises(UnexpectedFieldError, match="'model' must be one text"):
        read(upload(files={**ONE, "model": ("m", b"gru")}), max_files=2)
    with pytest.raises(UnexpectedFieldError, match="'model' must be one text"):
        read(upload(files=ONE, data={"model": ["gru", "rnn"]}))


@pytest.mark.parametrize("count", [4, 5, 40])
def test_too_many_images_name_the_limit(count: int) -> None:
    files = [("images", ("a", b"x"))] * count
    with pytest.raises(BatchTooLargeError, match="at most 3 are allowed"):
        read(upload(files=files), "images", max_files=3)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_form_is_read_or_refused(data: st.DataObject) -> None:
    whole = upload(files=ONE, data={"model": "gru"})
    body = bytearray(asyncio.run(whole.body()))
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = raw(bytes(body[: data.draw(st.integers(0, len(body)))]), dict(whole.headers), chunk=7)
    try:
        form = read(damaged)
    except ApiError:
        return
    assert len(form.files) == 1
