"""Key rotation: every TOTP secret is encrypted again with the current key."""

from dataclasses import replace

import pytest

import models
from accounts.permissions import Viewer
from accounts.services import Services
from security.key_ring import DecryptionError, KeyRing
from tests.integration.use_cases.helpers import Enrolled, account_rows, sign_in_with_otp, start_and_confirm_activation
from tests.support.users import KEYS
from twofactor.key_rotation import count_under_old_keys, missing_key_ids, reencrypt_all


@pytest.mark.attack("K5")
class TestReencryptAll:
    async def test_encrypts_every_secret_with_the_first_key(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """This includes open activations and their codes. The secrets stay the same, and the old key can be removed."""
        await start_and_confirm_activation(services, admin_viewer)
        now_key, before_key = KEYS.split(",")
        rotated = replace(services, key_ring=KeyRing.parse(f"{before_key},{now_key}"))
        assert await count_under_old_keys(rotated) == 3

        assert [number async for number in reencrypt_all(rotated)] == [1, 1, 1]

        assert await count_under_old_keys(rotated) == 0
        single_key = replace(services, key_ring=KeyRing.parse(before_key))
        assert await missing_key_ids(single_key) == set()
        await sign_in_with_otp(single_key, member.email, enrolled.authenticator)

    async def test_missing_key_is_reported_and_nothing_changes(self, services: Services, enrolled: Enrolled) -> None:
        """A secret whose key is missing stays as it is, and the id of the key is reported."""
        single_key = replace(services, key_ring=KeyRing.parse(KEYS.split(",")[1]))
        before = await account_rows(services)

        assert await missing_key_ids(single_key) == {"now"}
        with pytest.raises(DecryptionError):
            [number async for number in reencrypt_all(single_key)]

        assert await account_rows(services) == before
