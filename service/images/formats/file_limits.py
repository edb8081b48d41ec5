"""The refusal of an image file that is stored in absurdly many pieces."""

from service.errors import NotAnImageError


def over_limit(pieces: str, limit: int) -> NotAnImageError:
    """The error for a file with more than `limit` of such `pieces`."""
    return NotAnImageError(
        f"the image is stored in more than {limit} {pieces}; save it again, for example as a PNG "
        "without metadata"
    )
