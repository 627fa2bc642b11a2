"""The quota of connections: its bounds, and that it keeps nothing of those who have left."""

import pytest
from werkzeug.exceptions import TooManyRequests

from web.socket_limits import ConnectionQuota


def test_account_and_address_have_a_bound_each() -> None:
    quota = ConnectionQuota(per_account=2, per_address=3)
    releases = [quota.take(1, "192.0.2.1"), quota.take(1, "192.0.2.2"), quota.take(2, "192.0.2.1")]
    with pytest.raises(TooManyRequests, match="This account"):
        quota.take(1, "192.0.2.3")  # its account has two
    releases.append(quota.take(3, "192.0.2.1"))
    with pytest.raises(TooManyRequests, match="This network"):
        quota.take(4, "192.0.2.1")  # its address has three
    releases.pop(0)()
    releases.append(quota.take(1, "192.0.2.1"))
    for release in releases:
        release()
    assert not quota._taken, "else it would grow with every address"
