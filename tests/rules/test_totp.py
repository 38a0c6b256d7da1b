"""OTPs: those of the RFCs, one step of drift, and a URI that an independent reader reads back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.authenticator import Authenticator, read_qr_code
from twofactor.rules import qr, totp
from twofactor.rules.policy import SEED_BYTES

VECTORS = json.loads((Path(__file__).parent / "rfc_vectors.json").read_text())
SEED = bytes.fromhex(VECTORS["seed"])
RFC_4226 = VECTORS["RFC 4226, Appendix D: counter and OTP"]
RFC_6238 = VECTORS["RFC 6238, Appendix B, SHA1: seconds since the epoch and OTP of eight digits"]
# As settings and accounts let them through: no control characters, no lone surrogates.
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=64)
INSTANTS = st.integers(10_000, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(seconds: float) -> datetime:
    """An instant by its Unix time."""
    return datetime.fromtimestamp(seconds, UTC)


class TestMatchingStep:
    @pytest.mark.parametrize(("counter", "otp"), RFC_4226)
    def test_finds_the_counter_of_each_otp_of_rfc_4226(self, counter: int, otp: str) -> None:
        """The time step is the counter (RFC 6238 §4.2)."""
        assert totp.matching_step(SEED, otp, at(counter * 30)) == counter

    @pytest.mark.parametrize(("seconds", "otp"), RFC_6238)
    def test_finds_the_step_of_each_otp_of_rfc_6238(self, seconds: int, otp: str) -> None:
        """Six digits are the last six of the eight (RFC 4226 §5.3)."""
        assert totp.matching_step(SEED, otp[2:], at(seconds)) == seconds // 30

    @pytest.mark.parametrize(("drift", "matches"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_allows_one_step_of_drift_either_way(self, drift: int, matches: bool) -> None:  # noqa: FBT001  # a case
        """RFC 6238 §5.2; one step over, it is wrong."""
        now = at(1_111_111_111)
        otp = Authenticator(totp.key(SEED)).otp(now + timedelta(seconds=30 * drift))

        assert totp.matching_step(SEED, otp, now) == (1_111_111_111 // 30 + drift if matches else None)

    def test_changes_step_exactly_at_the_boundary(self) -> None:
        """The last microsecond of a step still belongs to it."""
        assert totp.step_at(at(60) - timedelta(microseconds=1)) == 1
        assert totp.step_at(at(60)) == 2

    def test_takes_the_newest_of_two_steps_with_the_same_digits(self) -> None:
        """So that using it up uses up the older one as well."""
        older = 910_737  # found by trying
        app = Authenticator(totp.key(SEED))
        assert app.otp(at(older * 30)) == app.otp(at(older * 30 + 30))

        assert totp.matching_step(SEED, app.otp(at(older * 30)), at(older * 30)) == older + 1

    def test_looks_at_no_step_before_the_epoch(self) -> None:
        """At the very first step, there is no drift backwards."""
        assert totp.matching_step(SEED, "000000", at(0)) is None

    @given(seed=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES), now=INSTANTS)
    def test_matches_what_an_independent_app_shows(self, seed: bytes, now: datetime) -> None:
        """Whatever the seed and the time."""
        step = totp.matching_step(seed, Authenticator(totp.key(seed)).otp(now), now)

        # The next step's digits may be the same by chance.
        assert step in {totp.step_at(now), totp.step_at(now) + 1}


class TestIsWellFormedOtp:
    @given(st.from_regex(r"[0-9]{6}", fullmatch=True).filter(str.isascii))
    def test_accepts_six_ascii_digits(self, otp: str) -> None:
        """All of them."""
        assert totp.is_well_formed_otp(otp)

    @given(st.one_of(st.text(), st.text(st.characters(categories=["Nd", "No", "Nl"]), min_size=6, max_size=6)))
    def test_accepts_nothing_else(self, otp: str) -> None:
        """No other digits of Unicode, no spaces, no other length."""
        assert totp.is_well_formed_otp(otp) == (len(otp) == 6 and set(otp) <= set("0123456789"))

    @pytest.mark.parametrize(
        "otp",
        ["", "12345", "1234567", "12345\n", "123456\n", " 123456", "１２３４５６", "12345\ud800", "²23456", "-12345"],
    )
    def test_refuses_look_alikes(self, otp: str) -> None:
        """What other checks have let through."""
        assert not totp.is_well_formed_otp(otp)


class TestOtpauthUri:
    def test_is_as_the_key_uri_format_has_it(self) -> None:
        """The issuer twice, spaces as %20, the secret without padding."""
        uri = totp.otpauth_uri(SEED, issuer="Acme & Co", account_name="ada@acme.example")

        assert uri == (
            "otpauth://totp/Acme%20%26%20Co:ada@acme.example"
            "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        )

    @given(seed=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES), issuer=PLAIN_TEXT, account_name=PLAIN_TEXT)
    def test_is_read_back_whatever_the_names(self, seed: bytes, issuer: str, account_name: str) -> None:
        """Hostile names add no parameter and end nothing early; of a colon remains a space."""
        app = Authenticator.parse(totp.otpauth_uri(seed, issuer=issuer, account_name=account_name))

        assert app.key == totp.key(seed)
        assert app.issuer == issuer.replace(":", " ").strip()
        assert app.account_name == account_name.replace(":", " ")

    def test_colons_end_neither_issuer_nor_account_name(self) -> None:
        """Apps split the label at its first colon, so the only one is ours (Key URI Format)."""
        uri = totp.otpauth_uri(SEED, issuer=" A:B/C ", account_name="ada:x@acme.example")

        assert uri.startswith("otpauth://totp/A%20B%2FC:ada%20x@acme.example?")
        assert "&issuer=A%20B%2FC&" in uri

    @pytest.mark.parametrize(
        "issuer", ["Acme&secret=AAAA", "Acme?digits=8#", "../Acme", "Acme%3AEvil", "日本 🔐", "A" * 64]
    )
    def test_is_read_from_its_qr_code(self, issuer: str) -> None:
        """As SVG and as PNG."""
        uri = totp.otpauth_uri(SEED, issuer=issuer, account_name="ada+work@acme.example")
        code = qr.qr_code(uri)
        svg = qr.svg(code)

        assert read_qr_code(svg) == uri
        assert read_qr_code(qr.svg_data_uri(svg)) == uri
        assert read_qr_code(qr.png_data_uri(code, 4)) == uri
        assert Authenticator.scan(svg).issuer == issuer
