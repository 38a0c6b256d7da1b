"""Who is at the other end: attack B12."""

from ipaddress import ip_network

import pytest

from tests.transport.toy import browsing, toy_app
from transport.clients import USER_AGENT_MAX_LENGTH, client_address
from twofactor.rules import policy

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="no header"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="untrusted peer"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="proxy on its own behalf"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="trusted peer"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="spoofed to the left"),
        pytest.param("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1", id="spoofed in a header of its own"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two proxies"),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", id="proxies alone"),
        pytest.param("10.0.0.1", ["garbage"], "10.0.0.1", id="garbage"),
        pytest.param("10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1", id="garbage hides what is left of it"),
        pytest.param("10.0.0.1", ["6.6.6.6, , 10.0.0.2"], "10.0.0.2", id="an empty entry"),
        pytest.param("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1", id="IPv6 with a port"),
        pytest.param("10.0.0.1", ["2001:DB9:0::1"], "2001:db9::1", id="one spelling"),
        pytest.param("10.0.0.1", ["fe80::1%eth0"], "fe80::1", id="no zone"),
        pytest.param("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="IPv4 as IPv6"),
        pytest.param("2001:db8::1", ["198.51.100.1"], "198.51.100.1", id="IPv6 proxy"),
        pytest.param("10.0.0.1", [",".join(["6.6.6.6"] * 9000 + ["198.51.100.1"])], "198.51.100.1", id="9000 hops"),
        pytest.param("testclient", ["198.51.100.1"], None, id="no address"),
        pytest.param(None, ["198.51.100.1"], None, id="no peer"),
    ],
)
def test_b12_an_address_is_believed_of_trusted_proxies_alone(
    peer: str | None, forwarded_for: list[str], expected: str | None
) -> None:
    """What a client writes into the header itself changes nothing."""
    assert client_address(peer, forwarded_for, PROXIES) == expected


@pytest.mark.parametrize(
    "header", ["forwarded", "x-real-ip", "client-ip", "true-client-ip", "x-client-ip", "cf-connecting-ip"]
)
async def test_b12_other_headers_are_not_read(header: str) -> None:
    """There is one header to keep clean at the proxy, and not seven."""
    async with browsing(toy_app(trusted_proxies=PROXIES), peer="10.0.0.1") as browser:
        response = await browser.ask("{ client }", headers={header: "198.51.100.1"})

    assert response.json()["data"]["client"][0] == "10.0.0.1"


async def test_a_client_is_described_clean_and_short() -> None:
    """The user agent has no control characters and a bounded length; the language is one of ours."""
    agent = "Browser\x1b[31m\x85\x7f/1.0 " + "x" * 1000
    async with browsing(toy_app()) as browser:
        response = await browser.send(
            json={"query": "{ client }"},
            headers=[(b"user-agent", agent.encode("latin-1")), (b"accept-language", b"de-AT, en;q=0.5")],
        )
    address, user_agent, locale, _ = response.json()["data"]["client"]

    assert address == "203.0.113.9"
    assert user_agent.startswith("Browser[31m/1.0 xx")
    assert len(user_agent) == USER_AGENT_MAX_LENGTH == policy.USER_AGENT_MAX_LENGTH
    assert locale == "de"
