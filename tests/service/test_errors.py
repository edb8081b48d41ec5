"""The tree of errors: stable codes, each with one status, in one body."""

import json
import re
import time

import pytest

from service.errors import ApiError, NotAnImageError, quote
from service.http.answer import failure

# Clients program against these: a change here breaks them.
STATUS_BY_CODE = {
    "malformed_request": 400,
    "invalid_json": 400,
    "unknown_tensor": 400,
    "origin_not_allowed": 400,
    "unauthorized": 401,
    "not_found": 404,
    "model_not_found": 404,
    "unknown_request": 404,
    "method_not_allowed": 405,
    "client_too_slow": 408,
    "ambiguous_request": 409,
    "body_too_large": 413,
    "batch_too_large": 413,
    "image_too_large": 413,
    "head_too_large": 431,
    "unsupported_media_type": 415,
    "not_an_image": 415,
    "empty_file": 422,
    "missing_field": 422,
    "unexpected_field": 422,
    "not_a_file": 422,
    "empty_batch": 422,
    "wrong_state": 422,
    "too_costly": 422,
    "wrong_type": 422,
    "wrong_shape": 422,
    "not_finite": 422,
    "out_of_range": 422,
    "wrong_task": 422,
    "too_many_requests": 429,
    "internal": 500,
    "not_ready": 503,
    "timeout": 504,
    "not_kept": 507,
}


def leaves(error: type[ApiError] = ApiError) -> list[type[ApiError]]:
    """Every error that can be raised: those without a subclass."""
    children = error.__subclasses__()
    return [leaf for child in children for leaf in leaves(child)] if children else [error]


def test_codes_and_statuses_are_stable() -> None:
    assert {leaf.code: leaf.status.value for leaf in leaves()} == STATUS_BY_CODE
    assert len(leaves()) == len(STATUS_BY_CODE)


def test_the_body() -> None:
    response = failure(NotAnImageError("what, why, remedy").body(), "/predict", {})
    assert response.status_code == 415
    assert json.loads(bytes(response.body)) == {
        "error": {"code": "not_an_image", "message": "what, why, remedy", "status": 415}
    }


@pytest.mark.parametrize("error", leaves())
def test_every_code_is_described_and_in_snake_case(error: type[ApiError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__
    assert error.__doc__.endswith(".")


def nested(depth: int) -> list[object]:
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value", [nested(5000), "\ud800", "a\nb\x1b[31m", "x" * 1000, b"\x00\xff", float("nan")]
)
def test_a_client_s_value_is_quoted_printable_and_short(value: object) -> None:
    text = quote(value)
    assert text.isprintable()
    assert len(text) <= 60
    failure(NotAnImageError(text).body(), "/predict", {})  # can be encoded


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([2, 3, 28], "[2, 3, 28]"),
        (list(range(5_000_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
        ([10**4000] * 2500, "[a number of about 3986 digits, a number of about 3986 di..."),
        (10**5000, "a number of about 4983 digits"),
        ([[0.5] * 3000] * 3000, "[[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...],..."),
        ({str(i): i for i in range(100_000)}, "an object of 100000 fields"),
        ("x" * 10**7, "'" + "x" * 27 + "..." + "x" * 28 + "'"),
    ],
    ids=lambda value: str(type(value)),
)
def test_a_value_of_any_size_is_quoted_at_once(value: object, shown: str) -> None:
    start = time.process_time()
    assert quote(value) == shown
    assert time.process_time() - start < 0.01
