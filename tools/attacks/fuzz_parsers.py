"""Fuzz the parsers of codes, tokens, ids, cursors and bodies with atheris, which is guided by coverage.

`python -m tools.attacks.fuzz_parsers -runs=50000` (the arguments are those of libFuzzer). A parser may reject input in
the way that it documents. Any other exception is a failure. Input that a parser accepts must have the promised form.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(
    include=[
        "transport.bodies",
        "accounts.pagination",
        "accounts.identity",
        "security",
        "twofactor.factors",
        "schema.ids",
    ]
):
    from accounts.errors import InvalidInputError
    from accounts.identity import email_key, problem_of_email, problem_of_name, user_search_key
    from accounts.pagination import decode_cursor
    from accounts.password_strength import could_be_password
    from schema import ids
    from security.constants import BACKUP_CODE_LENGTH, EMAIL_MAX_LENGTH
    from security.key_ring import KeyRing
    from security.tokens import TokenKind, token_hash
    from transport.bodies import parse_parameters, parse_strict_json
    from transport.request_errors import RequestError
    from twofactor.factors.backup_code_format import ALPHABET, normalise_backup_code
    from twofactor.factors.totp import normalise_otp

DIGITS = set("0123456789")


def parse_body(data: bytes) -> None:
    """Parse a request body."""
    try:
        parameters = parse_parameters(parse_strict_json(data))
    except RequestError:
        return
    assert parameters.query


def parse_text(text: str) -> None:
    """Parse a text with each parser of a variable."""
    code = normalise_backup_code(text)
    assert code is None or (len(code) == BACKUP_CODE_LENGTH and set(code) <= set(ALPHABET))
    assert code is None or normalise_backup_code(code) == code
    otp = normalise_otp(text)
    assert otp is None or (len(otp) == 6 and set(otp) <= DIGITS)
    hashes = [token_hash(kind, text) for kind in TokenKind]
    assert sum(each is not None for each in hashes) <= 1
    key = email_key(text)
    assert key is None or (len(key) <= EMAIL_MAX_LENGTH and email_key(key) == key)
    assert key is not None or problem_of_email(text)
    problem_of_name(text)
    user_search_key(text, text)
    could_be_password(text)
    decoded = ids.decode(text)
    assert decoded is None or ids.encode(*decoded) == text
    with contextlib.suppress(InvalidInputError):
        decode_cursor("NAME", text)
    with contextlib.suppress(ValueError):
        KeyRing.parse(text)


def test_one_input(data: bytes) -> None:
    """Test one input. libFuzzer calls this function."""
    parse_body(data)
    # Include lone surrogates, since JSON can contain them.
    parse_text(data.decode("utf-8", errors="surrogateescape"))
    parse_text(atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data)))


def main() -> None:
    """Run the fuzzer with the arguments of the command line."""
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
