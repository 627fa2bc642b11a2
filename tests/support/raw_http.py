"""HTTP as bytes: what a test reads from a socket."""


def statuses(answer: bytes) -> list[int]:
    """Return the statuses of the answers, without those that only say go on."""
    found = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    return [status for status in found if status != 100]
