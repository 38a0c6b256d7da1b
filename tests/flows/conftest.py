"""The states that tests of the use cases begin with."""

import pytest

import models
from tests.flows.steps import Enrolled, Trail, enrol, sign_in
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.environment import Environment


@pytest.fixture
def trail(env: Environment) -> Trail:
    """The audit events and letters."""
    return Trail(env)


@pytest.fixture
async def viewer(env: Environment, member: models.User) -> Viewer:
    """The member, signed in without 2FA."""
    return await sign_in(env, member.email)


@pytest.fixture
async def boss(env: Environment, admin: models.User) -> Viewer:
    """The admin, signed in without 2FA."""
    return await sign_in(env, admin.email)


@pytest.fixture
async def enrolled(env: Environment, clock: Clock, viewer: Viewer) -> Enrolled:
    """The member, signed in, with 2FA active and the OTP of activation out of the way."""
    return await enrol(env, clock, viewer)
