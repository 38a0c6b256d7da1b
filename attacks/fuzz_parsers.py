"""Feeds the parsers of codes, tokens, ids, cursors and bodies with what atheris makes of them, guided by coverage.

`python -m attacks.fuzz_parsers -runs=50000` (the arguments are libFuzzer's). A parser may refuse as it says it does; it
may never raise anything else, and what it takes must be of the form that it promises.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["transport.bodies", "twofactor.pages", "twofactor.rules", "schema.ids"]):
    from schema import ids
    from transport.bodies import parameters_of, strict_json
    from transport.refusals import RequestRefusedError
    from twofactor.errors import InvalidInputError
    from twofactor.pages import decode_cursor
    from twofactor.rules.backup_codes import ALPHABET, canonical_backup_code
    from twofactor.rules.identity import could_be_password, email_key, is_well_formed_name
    from twofactor.rules.policy import BACKUP_CODE_LENGTH, EMAIL_MAX_LENGTH
    from twofactor.rules.sealing import KeyRing
    from twofactor.rules.tokens import TokenKind, token_hash
    from twofactor.rules.totp import is_well_formed_otp

DIGITS = set("0123456789")


def parse_body(data: bytes) -> None:
    """The body of a request."""
    try:
        parameters = parameters_of(strict_json(data))
    except RequestRefusedError:
        return
    assert parameters.query


def parse_text(text: str) -> None:
    """Whatever stands in a variable."""
    code = canonical_backup_code(text)
    assert code is None or (len(code) == BACKUP_CODE_LENGTH and set(code) <= set(ALPHABET))
    assert code is None or canonical_backup_code(code) == code
    assert not is_well_formed_otp(text) or (len(text) == 6 and set(text) <= DIGITS)
    hashes = [token_hash(kind, text) for kind in TokenKind]
    assert sum(each is not None for each in hashes) <= 1
    key = email_key(text)
    assert key is None or (len(key) <= EMAIL_MAX_LENGTH and email_key(key) == key)
    is_well_formed_name(text)
    could_be_password(text)
    named = ids.decode(text)
    assert named is None or ids.encode(*named) == text
    with contextlib.suppress(InvalidInputError):
        decode_cursor("NAME", text)
    with contextlib.suppress(ValueError):
        KeyRing.parse(text)


def test_one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    parse_body(data)
    # Lone surrogates too: JSON can spell them.
    parse_text(data.decode("utf-8", errors="surrogateescape"))
    parse_text(atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data)))


def main() -> None:
    """Fuzz, by the arguments of the command line."""
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
