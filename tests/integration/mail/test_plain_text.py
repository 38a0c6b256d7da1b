"""Tests that untrusted text stays on one line and contains no link."""

import pytest

from mail.plain_text import client_names, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Grace\r\nBcc: x", "Grace Bcc: x"),
        ("a\x00b\x1bc\x85d\u2028e\u2029f", "a b c d e f"),
        ("\ud800lone", "lone"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "gpj.exe"),
        ("  many \t spaces ", "many spaces"),
        ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"),
        ("שלום", "שלום"),
    ],
    ids=ascii,
)
def test_one_line(text: str, line: str) -> None:
    """Characters that end a line, change its direction or cannot be stored are removed. Names and emoji stay."""
    assert one_line(text) == line


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
