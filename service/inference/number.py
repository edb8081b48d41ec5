"""What a number is answered with: its text, and its digits line by line."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

NumberReason = Literal["blank", "not_a_number", "separator", "low_confidence"]

_CONFIDENCE = "The probability that all of it is right."


class Digit(BaseModel):
    """One digit of a number."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    confidence: float = Field(ge=0, le=1, description="The probability of that digit.")
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="The probability of each digit, 0 to 9."
    )
    box: list[int] = Field(
        min_length=4,
        max_length=4,
        description="Where its ink is: left, top, width and height in pixels of the picture, "
        "turned upright as its EXIF orientation says.",
    )


class Line(BaseModel):
    """A line of digits."""

    text: str = Field(description="The digits of the line.")
    confidence: float = Field(ge=0, le=1, description=_CONFIDENCE)
    digits: list[Digit] = Field(description="From left to right.")


class NumberPrediction(BaseModel):
    """What a model reads in a picture of a number."""

    text: str = Field(description="The digits; lines are divided by a line feed.")
    confidence: float = Field(ge=0, le=1, description=_CONFIDENCE)
    accepted: bool = Field(description="Whether it is a number, read with enough confidence.")
    reason: NumberReason | None = Field(
        description="Why it is not accepted: blank, there is no ink; not_a_number, there are "
        "letters or other things, more than three lines, or nothing stands out of an even "
        "background; separator, there are other signs than digits, such as a point, a comma or a "
        "minus, which the text leaves out; low_confidence, the model hesitates."
    )
    lines: list[Line] = Field(description="From top to bottom.")
    model: str = Field(description="The model that answered.")
    provider: str = Field(description="What really ran it, for example CPUExecutionProvider.")


class PreviewedNumberPrediction(NumberPrediction):
    """The same, and the lines as the model saw them."""

    preview: str = Field(
        description="What the model saw: the lines one below the other, each 32 pixels tall, a "
        "greyscale PNG in base64."
    )


def worst(reasons: Sequence[NumberReason | None]) -> NumberReason | None:
    """The one of several `reasons` that says most against a number."""
    order: tuple[NumberReason, ...] = ("not_a_number", "separator", "low_confidence", "blank")
    return next((reason for reason in order if reason in reasons), None)
