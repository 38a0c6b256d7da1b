"""Tests that untrusted text stays on one line."""

import pytest

from mail.plain_text import one_line


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
