"""OTPs: the values of the RFCs, one time step of drift, and an otpauth URI that an independent reader understands."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.qr_rendering import QrCode
from security.constants import TOTP_SECRET_BYTES
from tests.support.authenticator import Authenticator, read_qr_code
from twofactor.factors import totp

VECTORS = json.loads((Path(__file__).parent / "rfc_vectors.json").read_text())
SECRET = bytes.fromhex(VECTORS["secret"])
RFC_4226 = VECTORS["RFC 4226, Appendix D: counter and OTP"]
RFC_6238 = VECTORS["RFC 6238, Appendix B, SHA1: seconds since the epoch and OTP of eight digits"]
# Settings and accounts accept no control characters and no lone surrogates.
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=64)
INSTANTS = st.integers(10_000, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(seconds: float) -> datetime:
    """Return the time of a Unix timestamp."""
    return datetime.fromtimestamp(seconds, UTC)


class TestMatchingStep:
    @pytest.mark.parametrize(("counter", "otp"), RFC_4226)
    def test_matches_the_values_of_rfc_4226(self, counter: int, otp: str) -> None:
        """The time step is the counter (RFC 6238 §4.2)."""
        assert totp.matching_step(SECRET, otp, at(counter * 30)) == counter

    @pytest.mark.parametrize(("seconds", "otp"), RFC_6238)
    def test_matches_the_values_of_rfc_6238(self, seconds: int, otp: str) -> None:
        """The RFC lists eight digits. An OTP is the last six of them (RFC 4226 §5.3)."""
        assert totp.matching_step(SECRET, otp[2:], at(seconds)) == seconds // 30

    @pytest.mark.parametrize(("drift", "matches"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_allows_one_time_step_of_drift(self, drift: int, matches: bool) -> None:  # noqa: FBT001  # a parameter of the test
        """An OTP of two time steps away is wrong (RFC 6238 §5.2)."""
        now = at(1_111_111_111)
        otp = Authenticator(totp.key(SECRET)).otp(now + timedelta(seconds=30 * drift))

        assert totp.matching_step(SECRET, otp, now) == (1_111_111_111 // 30 + drift if matches else None)

    def test_time_step_changes_exactly_at_the_boundary(self) -> None:
        """The last microsecond of a time step belongs to it."""
        assert totp.step_at(at(60) - timedelta(microseconds=1)) == 1
        assert totp.step_at(at(60)) == 2

    @pytest.mark.attack("A6")
    def test_returns_the_newer_of_two_steps_with_the_same_digits(self) -> None:
        """If the newer step is used, the older one is used as well."""
        older = 910_737  # found by search
        authenticator = Authenticator(totp.key(SECRET))
        assert authenticator.otp(at(older * 30)) == authenticator.otp(at(older * 30 + 30))

        assert totp.matching_step(SECRET, authenticator.otp(at(older * 30)), at(older * 30)) == older + 1

    def test_ignores_time_steps_before_the_epoch(self) -> None:
        """At the first time step there is no earlier one."""
        assert totp.matching_step(SECRET, "000000", at(0)) is None

    @given(secret=st.binary(min_size=TOTP_SECRET_BYTES, max_size=TOTP_SECRET_BYTES), now=INSTANTS)
    def test_matches_an_independent_authenticator(self, secret: bytes, now: datetime) -> None:
        """This is tested with any secret and any time."""
        step = totp.matching_step(secret, Authenticator(totp.key(secret)).otp(now), now)

        # By chance the next time step can have the same digits.
        assert step in {totp.step_at(now), totp.step_at(now) + 1}


class TestIsWellFormedOtp:
    @given(st.from_regex(r"[0-9]{6}", fullmatch=True).filter(str.isascii))
    def test_accepts_six_ascii_digits(self, otp: str) -> None:
        """This includes leading zeros."""
        assert totp.is_well_formed_otp(otp)

    @given(st.one_of(st.text(), st.text(st.characters(categories=["Nd", "No", "Nl"]), min_size=6, max_size=6)))
    def test_rejects_everything_else(self, otp: str) -> None:
        """Other Unicode digits, spaces and other lengths are invalid."""
        assert totp.is_well_formed_otp(otp) == (len(otp) == 6 and set(otp) <= set("0123456789"))

    @pytest.mark.attack("F7")
    @pytest.mark.parametrize(
        "otp",
        ["", "12345", "1234567", "12345\n", "123456\n", " 123456", "１２３４５６", "12345\ud800", "²23456", "-12345"],
    )
    def test_rejects_look_alikes(self, otp: str) -> None:
        """Other checks, such as `str.isdigit`, accept some of them."""
        assert not totp.is_well_formed_otp(otp)


class TestNormaliseOtp:
    @pytest.mark.parametrize(
        "otp", ["012345", " 012 345\n", "\u200e012345", "012\u2011345", "０１２３４５", "“012345”"]
    )
    def test_accepts_what_users_paste(self, otp: str) -> None:
        """`test_entered_code.py` tests all separators."""
        assert totp.normalise_otp(otp) == "012345"

    @given(st.one_of(st.text(), st.text(st.characters(categories=["Nd", "No", "Nl"]), min_size=6, max_size=6)))
    def test_returns_six_ascii_digits_or_none(self, text: str) -> None:
        """This is tested with all of Unicode."""
        otp = totp.normalise_otp(text)

        assert otp is None or totp.is_well_formed_otp(otp)

    @pytest.mark.parametrize("otp", ["", "12345", "1234567", "1. 123456", "+123456", "123.456", "١٢٣٤٥٦", "²23456"])
    def test_rejects_everything_else(self, otp: str) -> None:
        """Only a backup code can have a list number."""
        assert totp.normalise_otp(otp) is None


class TestOtpauthUri:
    def test_follows_the_key_uri_format(self) -> None:
        """The issuer is there twice, spaces are `%20`, and the secret has no padding."""
        uri = totp.otpauth_uri(SECRET, issuer="Acme & Co", account_name="ada@acme.example")

        assert uri == (
            "otpauth://totp/Acme%20%26%20Co:ada@acme.example"
            "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        )

    @given(
        secret=st.binary(min_size=TOTP_SECRET_BYTES, max_size=TOTP_SECRET_BYTES),
        # The settings reject an issuer of colons and spaces only.
        issuer=PLAIN_TEXT.filter(lambda text: text.replace(":", " ").strip()),
        account_name=PLAIN_TEXT,
    )
    def test_names_do_not_change_other_parts(self, secret: bytes, issuer: str, account_name: str) -> None:
        """A hostile name adds no parameter and ends no part early. A colon becomes a space."""
        authenticator = Authenticator.parse(totp.otpauth_uri(secret, issuer=issuer, account_name=account_name))

        assert authenticator.key == totp.key(secret)
        assert authenticator.issuer == issuer.replace(":", " ").strip()
        assert authenticator.account_name == account_name.replace(":", " ")

    def test_colons_in_names_do_not_split_the_label(self) -> None:
        """Apps split the label at its first colon, so the label has only one (Key URI Format)."""
        uri = totp.otpauth_uri(SECRET, issuer=" A:B/C ", account_name="ada:x@acme.example")

        assert uri.startswith("otpauth://totp/A%20B%2FC:ada%20x@acme.example?")
        assert "&issuer=A%20B%2FC&" in uri

    @pytest.mark.parametrize("character", ["a", "é", "नि", "李", "𞤀"])
    def test_longest_names_of_every_script_fit_into_a_qr_code(self, character: str) -> None:
        """The limits of both names count bytes, which the URI escapes. A longer email of an old account is cut off."""
        issuer = (character * 64)[:64].encode()[:240].decode(errors="ignore")
        longest = (character * 254).encode()[:245].decode(errors="ignore") + "@a.test"
        too_long = character * 254

        for email in (longest, too_long):
            uri = totp.otpauth_uri(SECRET, issuer=issuer, account_name=email)
            assert QrCode(uri).svg()
            authenticator = Authenticator.parse(uri)
            assert authenticator.issuer == issuer
            assert email.startswith(authenticator.account_name)
            assert len(authenticator.account_name.encode()) >= 250

    @pytest.mark.parametrize(
        "issuer", ["Acme&secret=AAAA", "Acme?digits=8#", "../Acme", "Acme%3AEvil", "日本 🔐", "A" * 64]
    )
    def test_qr_code_contains_the_uri(self, issuer: str) -> None:
        """A reader gets it from SVG and from PNG."""
        uri = totp.otpauth_uri(SECRET, issuer=issuer, account_name="ada+work@acme.example")
        code = QrCode(uri)
        svg = code.svg()

        assert read_qr_code(svg) == uri
        assert read_qr_code(code.svg_data_uri()) == uri
        assert read_qr_code(code.png_data_uri(4)) == uri
        assert Authenticator.scan(svg).issuer == issuer
