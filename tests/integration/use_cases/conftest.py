"""Fixtures of the use case tests."""

import pytest

import models
from accounts.permissions import Viewer
from accounts.services import Services
from tests.integration.use_cases.helpers import Enrolled, SideEffects, enrol, sign_in
from tests.support.clock import Clock


@pytest.fixture
def side_effects(services: Services) -> SideEffects:
    """Return a collector of the new audit events and emails."""
    return SideEffects(services)


@pytest.fixture
async def viewer(services: Services, member: models.User) -> Viewer:
    """Return the member, signed in without 2FA."""
    return await sign_in(services, member.email)


@pytest.fixture
async def admin_viewer(services: Services, admin: models.User) -> Viewer:
    """Return the admin, signed in without 2FA."""
    return await sign_in(services, admin.email)


@pytest.fixture
async def enrolled(services: Services, clock: Clock, viewer: Viewer) -> Enrolled:
    """Return the member, signed in with active 2FA, one time step after the OTP of the activation."""
    return await enrol(services, clock, viewer)
