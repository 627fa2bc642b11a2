"""Functions that read HTTP answers from bytes."""


def statuses(answer: bytes) -> list[int]:
    """Return the statuses of the answers, without `100 Continue`."""
    found = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    return [status for status in found if status != 100]
