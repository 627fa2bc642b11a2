"""The flush of macOS, whose fsync does not reach the disk. The system's calls are replaced."""

import errno
import fcntl
import os

import pytest

from storage import disk

FULL = 51  # F_FULLFSYNC on macOS


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The calls that were made, as on macOS."""
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda _descriptor, command: made.append(("fcntl", command)))
    monkeypatch.setattr(os, "fsync", lambda descriptor: made.append(("fsync", descriptor)))
    return made


def test_macos_flushes_the_cache_of_the_disk(calls: list[tuple[str, int]]) -> None:
    disk.flush(7)
    assert calls == [("fcntl", FULL)]


@pytest.mark.parametrize("number", disk.UNSUPPORTED)
def test_file_system_that_cannot_is_flushed_as_far_as_it_can(
    calls: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(fcntl, "fcntl", failing(number))
    disk.flush(7)
    assert calls == [("fsync", 7)]


def test_failed_flush_is_not_tried_in_another_way(
    calls: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one would succeed and prove nothing."""
    monkeypatch.setattr(fcntl, "fcntl", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        disk.flush(7)
    assert calls == []


def failing(number: int) -> object:
    def fail(_descriptor: int, _command: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail
