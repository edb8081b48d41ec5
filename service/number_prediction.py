"""From the lines that were found in a picture, and what stands on each, to the answer."""

import math
from collections.abc import Sequence

from service.images.numbers.boxes import find_boxes
from service.images.numbers.strip import Strip
from service.images.read_number import NumberReading
from service.inference.number import Digit, Line, NumberPrediction, NumberReason, worst
from service.inference.transcriber import Transcriber, Transcription


def number_prediction(
    transcriber: Transcriber, reading: NumberReading, read: Sequence[Transcription]
) -> NumberPrediction:
    """Put together what `transcriber` `read` on the strips of `reading`."""
    size = reading.width, reading.height
    found = [
        (transcription, _line(strip, transcription, size))
        for strip, transcription in zip(reading.strips, read, strict=True)
        if transcription.characters
    ]
    lines = [line for _, line in found if line.digits]
    confidence = math.prod(transcription.confidence for transcription, _ in found)
    reason = reading.finding or _reason(transcriber, found, confidence)
    return NumberPrediction(
        text="\n".join(line.text for line in lines),
        confidence=confidence if lines else 0.0,
        accepted=reason is None,
        reason=reason,
        lines=lines,
        model=transcriber.name,
        provider=transcriber.provider,
    )


def _reason(
    transcriber: Transcriber, found: Sequence[tuple[Transcription, Line]], confidence: float
) -> NumberReason | None:
    """Why what was `found` is not accepted; its confidence is that in all lines together."""
    if not found:
        return "blank"
    reason = worst([transcription.reason for transcription, _ in found])
    return reason or ("low_confidence" if confidence < transcriber.threshold else None)


def _line(strip: Strip, transcription: Transcription, size: tuple[int, int]) -> Line:
    """A line's digits, each with its box in a picture of `size` (width, height)."""
    extents = [(character.left, character.right) for character in transcription.characters]
    boxes = find_boxes(strip.ink, strip.placement, extents, size)
    return Line(
        text=transcription.text,
        confidence=transcription.confidence,
        digits=[
            Digit(
                digit=character.digit,
                confidence=character.confidence,
                probabilities=character.probabilities,
                box=list(box),
            )
            for character, box in zip(transcription.characters, boxes, strict=True)
            if character.digit is not None
        ],
    )
