"""Ids and instants: one spelling out, and nothing else in."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema import ids, scalars
from twofactor.results import Company, SecurityEvent, Session, User

EXPECTED_INSTANT = "A DateTime is an RFC 3339 text with an offset, such as 2026-11-24T13:05:00Z."

KEY = UUID("0123456789abcdef0123456789abcdef")


class TestIds:
    @pytest.mark.parametrize("kind", [User, Company, Session, SecurityEvent])
    @given(key=st.uuids())
    def test_an_id_names_what_it_was_made_for(self, kind: type, key: UUID) -> None:
        """It comes back as its kind and key, and as no other kind."""
        text = ids.encode(kind, key)

        assert ids.decode(text) == (kind, key)
        assert [ids.decode_as(other, text) for other in ids.PREFIXES] == [
            key if other is kind else None for other in ids.PREFIXES
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
            f"letter_{KEY.hex}",
            "user_" + "\N{ARABIC-INDIC DIGIT ZERO}" * 32,
            "user_\ud800" + KEY.hex[1:],
            "user_" + "0" * 100_000,
        ],
    )
    def test_another_spelling_names_nothing(self, text: str) -> None:
        """One thing has one id: clients compare ids as text."""
        assert ids.decode(text) is None

    @given(text=st.text())
    def test_no_text_makes_it_fail(self, text: str) -> None:
        """Whatever a client sends as an id, the answer is that it names nothing."""
        assert ids.decode(text) is None


class TestDateTime:
    def test_it_is_written_in_utc_to_the_second(self) -> None:
        """The form that every client's standard library reads, whatever the instant was made from."""
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
    def test_it_is_read_with_any_offset(self, text: str) -> None:
        """RFC 3339 lets an instant be written in many ways."""
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
    def test_what_names_no_instant_is_refused(self, value: object) -> None:
        """Nothing is guessed at, and the refusal does not repeat what may be a secret in the wrong place."""
        with pytest.raises(GraphQLError) as refusal:
            scalars.parse(value)

        assert refusal.value.message == EXPECTED_INSTANT

    @given(instant=st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001  # hypothesis asks so
    def test_what_is_written_can_be_read(self, instant: datetime) -> None:
        """A client may hand back any instant that it was given."""
        assert scalars.parse(scalars.serialize(instant)) == instant.replace(microsecond=0)
