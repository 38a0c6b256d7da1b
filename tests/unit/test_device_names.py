"""Tests that users recognise their devices, and that the name of a device contains no link."""

import pytest

from security.device_names import client_names, device_name


@pytest.mark.parametrize(
    ("user_agent", "names"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ["Firefox", "Linux"]),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML) Chrome/142.0 Safari/537.36 Edg/142.0",
            ["Edge", "Windows"],
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML) Chrome/142.0 Mobile Safari/537.36",
            ["Chrome", "Android"],
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605 (KHTML) Version/18.5 Safari/604.1",
            ["Safari", "iOS"],
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605", ["Safari", "macOS"]),
        ("AcmeApp/2.1 (iPad)", ["AcmeApp", "iPadOS"]),
        ("curl/8.5.0", ["curl"]),
        ("", []),
        (None, []),
        ("https://evil.example/login", []),
        ("evil.example/login now", []),
        ("Mozilla/5.0 (visit www.evil.example)", []),
        ("Your account is locked, call 0190 123456/", []),
    ],
)
def test_client_names(user_agent: str | None, names: list[str]) -> None:
    """Common browsers and systems are named. Of other clients, at most one word of letters is kept."""
    assert client_names(user_agent) == names


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (visit www.evil.example)", None),
        (None, None),
    ],
)
def test_device_name(user_agent: str | None, name: str | None) -> None:
    """The known names are joined. Without any, the name is None and not an empty text."""
    assert device_name(user_agent) == name
