"""The WebSocket `/stream`: rows as they are written, and a prediction after each.

    client: 28 bytes a row, light ink on dark      service: {"row", "digit", "confidence", ...}
    client: {"reset": true}                        service: {"reset": true}
    client: {"state": true}                        service: {"state": "<base64>", "row": n}
    client: {"state": "<base64>"}                  service: {"row": n}
    client: {"end": true}                          service: {"prediction": {...}}, and closes

What goes wrong is told as {"error": {...}}, the one error body, and by the code of the close.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import pydantic_core
from starlette.datastructures import QueryParams

from models.arrays import Floats
from service.errors import (
    MalformedRequestError,
    TooManyRequestsError,
    WrongShapeError,
    WrongStateError,
    quote,
)
from service.images.read_image import SIDE
from service.monitoring.monitor import Seen
from service.predictor import Predictor
from service.streaming.connection import DONE, Connection
from service.streaming.digit_reader import DigitReader
from service.streaming.server_sent_events import Worker
from service.uploads.json_body import decode
from service.uploads.request_head import RequestHead
from service.uploads.rows import read_options

MAX_MESSAGES: Final = 10_000  # of one connection: some hundred digits row by row

_EXPECTED = 'expected {"reset": true}, {"state": true}, {"state": "<base64>"} or {"end": true}'


class _Command(msgspec.Struct, forbid_unknown_fields=True):
    """A text message of the client."""

    reset: bool = False
    state: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # true, or a state in base64
    end: bool = False


_COMMAND = msgspec.json.Decoder(_Command)
_STATE = msgspec.json.Decoder(str)


@dataclass(frozen=True)
class Streams:
    """The conversation over a WebSocket that has been let in."""

    worker: Callable[[], Worker]

    async def __call__(self, connection: Connection, head: RequestHead, query: QueryParams) -> int:
        """Talk until either side ends it; returns the code of the close.

        Raises:
            ApiError: what the client has sent cannot be used, or not now.

        """
        worker, options = self.worker(), read_options(query)
        classifier = worker.models().row_classifier(options.model)
        head.model = classifier.name
        reader = DigitReader(worker.scheduler, classifier, options)
        for _ in range(MAX_MESSAGES):
            message = await connection.receive()
            if message is None:
                return connection.code
            if isinstance(message, bytes):
                async for found in reader.read(_rows(message)):
                    await connection.send(msgspec.json.encode(found))
                ended = reader.stopped
            else:
                ended = await _obey(connection, reader, message)
            if ended:
                await connection.send(_prediction(worker.predictor, reader))
                return await connection.close(DONE)
        raise TooManyRequestsError(
            f"{MAX_MESSAGES} messages have come on this connection, more are not taken; open "
            "another one"
        )


def _prediction(predictor: Predictor, reader: DigitReader) -> bytes:
    prediction = reader.prediction()
    predictor.count([prediction], [Seen(None)])  # its rows were not held
    rows = reader.progress.row
    early = {"rows": rows} if rows < SIDE else {}
    return pydantic_core.to_json({"prediction": {**vars(prediction), **early}})


async def _obey(connection: Connection, reader: DigitReader, message: str) -> bool:
    """Do what a text message asks for; returns whether it asks for the end."""
    command = decode(_COMMAND, message.encode(), _EXPECTED)
    asked = [command.reset, command.state is not msgspec.UNSET, command.end]
    if sum(asked) != 1:
        raise MalformedRequestError(f"the message is {quote(message)}, {_EXPECTED}")
    if command.state is not msgspec.UNSET:
        answer: dict[str, object] = {}
        if bytes(command.state) == b"true":
            answer["state"] = base64.b64encode(reader.pack()).decode()
        else:
            reader.unpack(_state(command.state))
        await connection.send(msgspec.json.encode({**answer, "row": reader.progress.row}))
    elif command.reset:
        reader.reset()
        await connection.send(b'{"reset":true}')
    return command.end


def _state(text: msgspec.Raw) -> bytes:
    try:
        return base64.b64decode(
            decode(_STATE, memoryview(text), _EXPECTED, place="state"), validate=True
        )
    except ValueError:
        raise WrongStateError(
            "the state is not base64 as it was handed out; send it unchanged"
        ) from None


def _rows(message: bytes) -> Floats:
    """The rows (k, 28) in [0, 1] that a binary message holds."""
    count, rest = divmod(len(message), SIDE)
    if rest or not count:
        raise WrongShapeError(
            f"the message has {len(message)} bytes, expected {SIDE} for each row, at least one row"
        )
    pixels = np.frombuffer(message, np.uint8).reshape(count, SIDE)
    return pixels.astype(np.float32) / np.float32(255)
