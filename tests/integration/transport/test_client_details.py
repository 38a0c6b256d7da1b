"""Client details: the IP address behind proxies, and cleaned values of headers."""

from ipaddress import ip_network

import pytest

from security import constants
from tests.integration.transport.minimal_app import api_client, minimal_app
from transport.client_details import USER_AGENT_MAX_LENGTH, client_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.attack("B12")
@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="no header"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="untrusted peer"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="request of the proxy itself"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="trusted peer"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="spoofed entry on the left"),
        pytest.param("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1", id="spoofed entry in a second header"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two proxies"),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", id="only proxies"),
        pytest.param("10.0.0.1", ["garbage"], "10.0.0.1", id="garbage"),
        pytest.param("10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1", id="garbage ends the chain"),
        pytest.param("10.0.0.1", ["6.6.6.6, , 10.0.0.2"], "10.0.0.2", id="an empty entry"),
        pytest.param("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1", id="IPv6 with a port"),
        pytest.param("10.0.0.1", ["2001:DB9:0::1"], "2001:db9::1", id="normalised spelling"),
        pytest.param("10.0.0.1", ["fe80::1%eth0"], "fe80::1", id="no zone"),
        pytest.param("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="IPv4 as IPv6"),
        pytest.param("2001:db8::1", ["198.51.100.1"], "198.51.100.1", id="IPv6 proxy"),
        pytest.param("10.0.0.1", [",".join(["6.6.6.6"] * 9000 + ["198.51.100.1"])], "198.51.100.1", id="9000 hops"),
        pytest.param("testclient", ["198.51.100.1"], None, id="no address"),
        pytest.param(None, ["198.51.100.1"], None, id="no peer"),
    ],
)
def test_only_trusted_proxies_can_set_the_address(
    peer: str | None, forwarded_for: list[str], expected: str | None
) -> None:
    """Entries that a client writes into `X-Forwarded-For` itself have no effect."""
    assert client_address(peer, forwarded_for, PROXIES) == expected


@pytest.mark.attack("B12")
@pytest.mark.parametrize(
    "header", ["forwarded", "x-real-ip", "client-ip", "true-client-ip", "x-client-ip", "cf-connecting-ip"]
)
async def test_other_address_headers_are_ignored(header: str) -> None:
    """A trusted proxy has to control only one header."""
    async with api_client(minimal_app(trusted_proxies=PROXIES), peer="10.0.0.1") as client:
        response = await client.execute("{ client }", headers={header: "198.51.100.1"})

    assert response.json()["data"]["client"][0] == "10.0.0.1"


async def test_client_details_are_cleaned_and_truncated() -> None:
    """The user agent has no control characters and a maximum length. The locale is a supported language."""
    agent = "Browser\x1b[31m\x85\x7f/1.0 " + "x" * 1000
    async with api_client(minimal_app()) as client:
        response = await client.send(
            json={"query": "{ client }"},
            headers=[(b"user-agent", agent.encode("latin-1")), (b"accept-language", b"de-AT, en;q=0.5")],
        )
    address, user_agent, locale, _ = response.json()["data"]["client"]

    assert address == "203.0.113.9"
    assert user_agent.startswith("Browser[31m/1.0 xx")
    assert len(user_agent) == USER_AGENT_MAX_LENGTH == constants.USER_AGENT_MAX_LENGTH
    assert locale == "de"
