"""The shared connection: who may use it while a transaction is open."""

from pathlib import Path
from threading import Thread

import pytest

import models


def test_nobody_comes_between_the_statements_of_a_transaction(database: Path) -> None:
    """A save of another greenlet would vanish with the first one's rollback: it is refused."""
    refused: list[str] = []

    def intrude() -> None:
        for use in (lambda: models.User.create(name="eve", password_hash=""), models.Notification.bounds):
            with pytest.raises(RuntimeError, match="switched inside a transaction") as error:
                use()
            refused.append(str(error.value))

    assert database.exists()
    with models.database.atomic():
        other = Thread(target=intrude)
        other.start()
        other.join()
    assert len(refused) == 2
    assert not models.User.select().exists()
