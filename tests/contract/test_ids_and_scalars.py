"""Ids and DateTime: one spelling in responses, and strict parsing of input."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from accounts.directory import SecurityEvent
from accounts.entities import Company, Session, User
from schema import ids, scalars

EXPECTED_INSTANT = "A DateTime is an RFC 3339 text with an offset, such as 2026-11-24T13:05:00Z."

KEY = UUID("0123456789abcdef0123456789abcdef")


class TestIds:
    @pytest.mark.parametrize("domain_class", [User, Company, Session, SecurityEvent])
    @given(key=st.uuids())
    def test_decodes_an_encoded_id(self, domain_class: type, key: UUID) -> None:
        """The result is the same domain class and key. No other domain class accepts the id."""
        text = ids.encode(domain_class, key)

        assert ids.decode(text) == (domain_class, key)
        assert [ids.decode_as(other, text) for other in ids.PREFIXES] == [
            key if other is domain_class else None for other in ids.PREFIXES
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            KEY.hex,
            f"user_{KEY}",
            f"user_{KEY.hex.upper()}",
            f"USER_{KEY.hex}",
            f" user_{KEY.hex}",
            f"user_{KEY.hex}\n",
            f"user_{KEY.hex}0",
            f"user_{KEY.hex[:-1]}",
            f"user-{KEY.hex}",
            f"challenge_{KEY.hex}",
            "user_" + "\N{ARABIC-INDIC DIGIT ZERO}" * 32,
            "user_\ud800" + KEY.hex[1:],
            "user_" + "0" * 100_000,
        ],
    )
    def test_rejects_another_spelling(self, text: str) -> None:
        """Each object has one id, because clients compare ids as text."""
        assert ids.decode(text) is None

    @given(text=st.text())
    def test_never_raises(self, text: str) -> None:
        """Any text decodes to an id or to None."""
        assert ids.decode(text) is None


class TestDateTime:
    def test_formats_in_utc_to_the_second(self) -> None:
        """The time zone and the microseconds of the instant do not matter."""
        instant = datetime(2026, 11, 24, 14, 5, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))

        assert scalars.serialize(instant) == "2026-11-24T13:05:00Z"

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-24T13:05:00Z",
            "2026-11-24t13:05:00z",
            "2026-11-24T14:05:00+01:00",
            "2026-11-24T13:05:00.000Z",
            "2026-11-24T13:05:00.000000000-00:00",
        ],
    )
    def test_accepts_any_offset(self, text: str) -> None:
        """RFC 3339 allows several spellings of an instant."""
        assert scalars.parse(text) == datetime(2026, 11, 24, 13, 5, tzinfo=UTC)

    @pytest.mark.parametrize(
        "value",
        [
            "hunter2",
            "",
            "2026-11-24",
            "2026-11-24T13:05:00",
            "2026-11-24T13:05Z",
            "2026-11-24 13:05:00Z",
            "20261124T130500Z",
            "2026-W48-2T13:05:00Z",
            "2026-11-24T13:05:00+0100",
            "2026-11-24T13:05:00+24:00",
            "2026-02-30T13:05:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "\N{ARABIC-INDIC DIGIT TWO}026-11-24T13:05:00Z",
            "2026-11-24T13:05:00Z\n",
            1_795_525_500,
            None,
            True,
            ["2026-11-24T13:05:00Z"],
        ],
    )
    def test_rejects_invalid_values(self, value: object) -> None:
        """The message does not repeat the value, which may be a secret that was sent by mistake."""
        with pytest.raises(GraphQLError) as error:
            scalars.parse(value)

        assert error.value.message == EXPECTED_INSTANT

    @given(instant=st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001  # hypothesis requires it
    def test_parses_what_it_formats(self, instant: datetime) -> None:
        """A client may send back any instant that it received."""
        assert scalars.parse(scalars.serialize(instant)) == instant.replace(microsecond=0)
