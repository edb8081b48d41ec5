"""Who is let in: as many as may be under way, and nobody when the queue is too long."""

import pytest

from service.errors import TooManyRequestsError
from service.execution.admission import Admission


class Queue:
    """A queue in which work waits as long as is told."""

    delay = 0.0


def test_reservations_are_counted_and_given_back_even_after_a_failure() -> None:
    admission = Admission(Queue(), requests=1, most_bytes=10**6, max_wait=1)

    def fail_inside() -> None:
        with admission.reserve():
            with pytest.raises(TooManyRequestsError, match="1 requests are under way"):
                admission.reserve().__enter__()
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail_inside()


def test_a_long_queue_takes_nobody_until_it_is_shorter() -> None:
    queue = Queue()
    admission = Admission(queue, 9, 10**6, max_wait=0.25)
    queue.delay = 0.21
    with pytest.raises(TooManyRequestsError, match=r"waited for 0\.21 s .* more than 0\.25 s"):
        admission.check_queue()
    queue.delay = 0.19
    admission.check_queue()


def test_bytes_of_bodies_and_answers_are_counted_until_they_are_sent() -> None:
    admission = Admission(Queue(), 9, most_bytes=100, max_wait=1)
    with admission.reserve() as one, admission.reserve() as other:
        one.hold(10)
        one.hold(1000)  # it is alone
        with pytest.raises(TooManyRequestsError, match="hold 1000 bytes, no 1 more"):
            other.hold(1)
    with admission.reserve() as one, admission.reserve() as other:
        one.hold(60)
        other.hold(40)
        other.hold(30)  # an answer that is smaller than the body
        with pytest.raises(TooManyRequestsError, match="hold 40 bytes, no 61 more"):
            one.hold(61)
    with admission.reserve() as one:
        one.hold(100)
