"""The key under which an address counts."""

import pytest

from security.ip_rate_limiter import rate_limit_key


@pytest.mark.attack("B5")
@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        # Behind a NAT64, the last 32 bits are the IPv4 address.
        ("64:ff9b::192.0.2.7", "192.0.2.7"),
        ("64:ff9b::c000:207", "192.0.2.7"),
        # Other addresses that start with the same bits.
        ("64:ff9b:0:0:0:1:c000:207", "64:ff9b::/64"),
        ("64:ff9b:1::192.0.2.7", "64:ff9b:1::/64"),
        ("not an address", "not an address"),
    ],
)
def test_clients_of_one_subscriber_share_a_key(address: str, key: str) -> None:
    """It is an IPv4 address or an IPv6 network of 64 bits."""
    assert rate_limit_key(address) == key
