"""Sentences that are said once are bounded, for each sender and for all, and in each hour anew."""

from base.once import HOUR_S, PER_HOUR, PER_SENDER, REMEMBERED, Once


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_occasion_is_new_once() -> None:
    once = Once()
    assert [once.is_new("a"), once.is_new("a"), once.is_new("a", "b"), once.is_new("a")] == [1, 0, 1, 0]


def test_sender_is_bounded_and_others_are_not_hidden() -> None:
    once = Once()
    assert sum(once.is_new(str(number), sender="one") for number in range(100)) == PER_SENDER
    assert once.is_new("hint", sender="other")


def test_next_hour_begins_anew_and_remembers() -> None:
    """So a hint that many senders have hidden is said then."""
    clock = Clock()
    once = Once(clock)
    assert sum(once.is_new(str(number), sender=str(number)) for number in range(1000)) == PER_HOUR
    assert not once.is_new("hint", sender="operator")
    clock.now = HOUR_S
    assert once.is_new("hint", sender="operator")
    assert not once.is_new("0", sender="0")


def test_memory_is_bounded() -> None:
    """The oldest occasion is forgotten first."""
    clock = Clock()
    once = Once(clock)
    for number in range(REMEMBERED + 1):
        clock.now += HOUR_S
        assert once.is_new(str(number))
    assert not once.is_new("1")
    assert once.is_new("0")
