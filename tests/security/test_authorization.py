"""Authorization: each cell of the matrix, and changes of role, policy or company in a session."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLField, GraphQLID, GraphQLInputType, get_named_type
from structlog.testing import capture_logs

import models
from accounts import audit, users
from accounts.services import Client, Services
from models import Role, SecurityEventKind, SessionTransport
from security.constants import SESSION_IDLE_LIFETIME, SESSION_LIFETIME
from security.tokens import TokenKind, token_hash
from tests.security.authorization import (
    ABSENT,
    BEFORE_SETUP,
    READ_ONLY_OUTCOMES,
    USER_FIELDS,
    Requester,
    Target,
    Viewpoint,
    row_of,
)
from tests.support.api import Api, error_code
from tests.support.api_users import ApiUser, activate, log_in, start_login, two_factor, verify_login, verify_outcome
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.operations import (
    ADMIN_RESET_TWO_FACTOR,
    CHANGE_PASSWORD,
    DEACTIVATE_TWO_FACTOR,
    START_TWO_FACTOR_ACTIVATION,
    UPDATE_SECURITY_POLICY,
    VIEWER,
)
from tests.support.schema_elements import mutation_fields, query_fields, required_arguments, served_schema
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.factors.totp import key

QUERIES = {
    "viewer": "{ viewer { id } }",
    "featureFlags": "{ featureFlags { backupCodes } }",
    "authenticatorApps": "{ authenticatorApps { name } }",
    "node": "query($id: ID!) { node(id: $id) { id } }",
    "user": "query($id: ID!) { user(id: $id) { id } }",
    "users": "{ users { nodes { id } } }",
    "securityEvents": "query($id: ID!) { securityEvents(filter: { userId: $id }) { nodes { id } } }",
    "policyImpact": "{ policyImpact(change: { twoFactorEnforced: true }) { users { nodes { id } } } }",
}
ROWS = {name: row_of(name) for name in query_fields() | mutation_fields()}
# Fields whose outcome depends on the target. A requester with a single expected outcome gets it for every target.
FIELDS_WITH_TARGET = {name for name, outcomes in ROWS.items() if isinstance(outcomes.admin, dict)}
# The right values of arguments with these names. An argument with another name gets `ANY_TEXT`.
RIGHT_VALUES = {
    "password": PASSWORD,
    "currentPassword": PASSWORD,
    "newPassword": NEW_PASSWORD,
    "role": "MEMBER",
    "enforcement": "ENFORCED",
}
ANY_TEXT = "text"
# These fields require that 2FA is inactive.
ACTIVATION_FIELDS = {"startTwoFactorActivation", "confirmOtp", "acknowledgeBackupCodes"}


def test_every_query_is_in_the_matrix() -> None:
    """A new query needs an operation in this module."""
    assert query_fields().keys() == QUERIES.keys()


def test_every_mutation_with_an_id_has_its_own_row() -> None:
    """The outcome of a mutation on an object depends on whose object it is, so the row cannot be derived."""
    with_id = {
        name for name, each in mutation_fields().items() if GraphQLID in map(get_named_type, argument_types(each))
    }

    assert with_id <= FIELDS_WITH_TARGET


def argument_types(root_field: GraphQLField) -> list[GraphQLInputType]:
    """Return the types of the arguments of a field."""
    return [argument.type for argument in root_field.args.values()]


def test_every_field_of_a_user_is_in_the_matrix() -> None:
    """The matrix has every field of `User`."""
    user = served_schema().type_map["User"]

    assert {selection.split()[0] for selection in USER_FIELDS} == user.fields.keys()  # type: ignore[attr-defined]


@dataclass
class Accounts:
    """Two company accounts with a member and an admin each, and the requester. Each user has a session and an event."""

    services: Services
    password_hash: str
    company: models.Company = field(init=False)
    other_company: models.Company = field(init=False)
    users: dict[Target, models.User] = field(default_factory=dict)
    sessions: dict[Target, models.Session] = field(default_factory=dict)
    devices: dict[Target, models.KnownDevice] = field(default_factory=dict)
    authenticators: dict[Target, models.Authenticator] = field(default_factory=dict)
    token: str | None = None
    secret: bytes = b"12345678901234567890"

    @property
    def authenticator(self) -> Authenticator:
        """The authenticator of every user."""
        return Authenticator(key(self.secret))

    async def create(self, requester: Requester, *, activating: bool) -> None:
        """Create new companies and users."""
        now = self.services.now()
        async with self.services.database.transaction():
            self.company = await models.Company.create(
                name="Acme", created_at=now, two_factor_enforced=requester in BEFORE_SETUP
            )
            self.other_company = await models.Company.create(name="Elsewhere", created_at=now)
            role = Role.MEMBER if requester in {Requester.MEMBER, Requester.MEMBER_BEFORE_SETUP} else Role.ADMIN
            is_inactive = activating or requester in BEFORE_SETUP
            await self._user(Target.SELF, self.company, role, active=not is_inactive)
            await self._user(Target.MEMBER, self.company, Role.MEMBER)
            await self._user(Target.ADMIN, self.company, Role.ADMIN)
            await self._user(Target.OTHER_MEMBER, self.other_company, Role.MEMBER)
            await self._user(Target.OTHER_ADMIN, self.other_company, Role.ADMIN)
            self.token = await self._token_of(requester)

    async def _user(self, target: Target, company: models.Company, role: Role, *, active: bool = True) -> None:
        now, number = self.services.now(), uuid4().hex
        email = f"{number}@acme.example"
        user = await models.User.create(
            company=company, email=email, email_key=email, name=number, name_key=number, search_key=number, role=role,
            password_hash=self.password_hash, created_at=now, two_factor_activated_at=now if active else None,
        )  # fmt: skip
        if active:
            encrypted = self.services.encrypt(self.secret, user.id)
            self.authenticators[target] = await models.Authenticator.create(
                user_id=user.id, encrypted_secret=encrypted.ciphertext, key_id=encrypted.key_id, last_step=0,
                activation_token_hash=number.rjust(64, "0"), activated_by_acknowledgement=True,
            )  # fmt: skip
        self.users[target] = user
        self.sessions[target], _ = await self._session(user)
        self.devices[target] = await models.KnownDevice.create(
            token_hash=number.rjust(64, "1"), user_id=user.id, first_seen_at=now, last_seen_at=now
        )
        await audit.record(SecurityEventKind.LOGIN_SUCCEEDED, user=user, client=Client(), now=now)

    async def _session(self, user: models.User) -> tuple[models.Session, str]:
        now, token = self.services.now(), self.services.new_token(TokenKind.SESSION)
        session = await models.Session.create(
            token_hash=token_hash(TokenKind.SESSION, token), user_id=user.id, created_at=now, last_seen_at=now,
            expires_at=now + SESSION_LIFETIME,
        )  # fmt: skip
        return session, token

    async def _token_of(self, requester: Requester) -> str | None:
        now, user = self.services.now(), self.users[Target.SELF]
        session, token = await self._session(user)
        row = models.Session.filter(id=session.id)
        match requester:
            case Requester.ANONYMOUS:
                return None
            case Requester.FORGED:
                return "cs_session_" + "A" * 43
            case Requester.CHALLENGE:
                return await self.challenge(Target.SELF)
            case Requester.ACTIVATION:
                return await self.activation(Target.SELF)
            case Requester.ENDED:
                await row.delete()
            case Requester.EXPIRED:
                await row.update(expires_at=now)
            case Requester.IDLE:
                await row.update(last_seen_at=now - SESSION_IDLE_LIFETIME)
            case Requester.DISABLED:
                await models.User.filter(id=user.id).update(is_enabled=False)
            case Requester.DELETED:
                await models.User.filter(id=user.id).delete()
        return token

    async def challenge(self, target: Target) -> str:
        """Create a valid challenge."""
        now, token = self.services.now(), self.services.new_token(TokenKind.CHALLENGE)
        await models.Challenge.create(
            token_hash=token_hash(TokenKind.CHALLENGE, token), user_id=self.users[target].id,
            transport=SessionTransport.TOKEN, created_at=now, expires_at=now + timedelta(minutes=5),
        )  # fmt: skip
        return token

    async def activation(self, target: Target, *, confirmed: bool = False) -> str:
        """Create an activation."""
        now, token = self.services.now(), self.services.new_token(TokenKind.ACTIVATION)
        encrypted = self.services.encrypt(self.secret, self.users[target].id)
        activation = await models.Activation.create(
            factor="OTP", token_hash=token_hash(TokenKind.ACTIVATION, token), user_id=self.users[target].id,
            encrypted_secret=encrypted.ciphertext,
            key_id=encrypted.key_id, created_at=now, expires_at=now + timedelta(minutes=10),
        )  # fmt: skip
        if confirmed:
            await models.BackupCodeSet.create(
                user_id=self.users[target].id, activation_id=activation.id, salt=b"0" * 16, created_at=now
            )
        return token

    def id_of(self, target: Target, prefix: str = "user") -> str:
        """Return the id of the target or of its session."""
        if target is Target.UNKNOWN:
            return f"{prefix}_{'0' * 32}"
        rows: dict[str, dict[Target, Any]] = {
            "user": self.users, "session": self.sessions, "device": self.devices, "authenticator": self.authenticators
        }  # fmt: skip
        row = rows[prefix].get(target)
        # A user without 2FA has no authenticator.
        return f"{prefix}_{row.id.hex if row else '0' * 32}"

    async def arguments(self, name: str, target: Target) -> dict[str, Any]:  # noqa: PLR0911  # one case for each field
        """Return arguments with which the field succeeds if the requester is authorized."""
        otp = self.authenticator.otp(self.services.now())
        match name:
            case "node" | "user" | "securityEvents":
                return {"id": self.id_of(target)}
            case "login":
                return {"email": self.users[Target.MEMBER].email, "password": PASSWORD}
            case "verifyLogin":
                async with self.services.database.transaction():
                    challenge = await self.challenge(Target.MEMBER)
                return {"challengeToken": challenge, "secondFactor": {"otp": otp}}
            case "confirmOtp" | "acknowledgeBackupCodes":
                return {"activationId": await self._activation_of(target, name)} | (
                    {"otp": otp} if name == "confirmOtp" else {}
                )
            case "updateSecurityPolicy":
                return {"password": PASSWORD, "backupCodesEnabled": False}
            case "revokeSession" | "forgetDevice":
                return {"id": self.id_of(target, "session" if name == "revokeSession" else "device")}
            case "startAuthenticatorReplacement" | "addAuthenticator" | "removeAuthenticator":
                return self._arguments_of_authenticators(name, target, otp)
            case "viewer" | "featureFlags" | "authenticatorApps" | "users" | "policyImpact":
                return {}
            case _:
                values = RIGHT_VALUES | {"userId": self.id_of(target)}
                return {each: values.get(each, ANY_TEXT) for each in required_arguments(mutation_fields()[name])}

    def _arguments_of_authenticators(self, name: str, target: Target, otp: str) -> dict[str, Any]:
        authenticator_id = self.id_of(target, "authenticator")
        if name == "removeAuthenticator":
            return {"id": authenticator_id, "password": PASSWORD}
        proof = {"password": PASSWORD, "secondFactor": {"otp": otp}}
        return proof | ({"name": ANY_TEXT} if name == "addAuthenticator" else {"authenticatorId": authenticator_id})

    async def _activation_of(self, target: Target, name: str) -> str:
        async with self.services.database.transaction():
            exists = target is not Target.UNKNOWN and await models.User.exists(id=self.users[target].id)
            if not exists:
                return "cs_activation_" + "A" * 43
            await models.Activation.filter(user_id=self.users[target].id).delete()
            return await self.activation(target, confirmed=name == "acknowledgeBackupCodes")

    async def protected_state(self) -> list[Any]:
        """Return the data of both company accounts that only a successful outcome may change."""
        ids = [user.id for user in self.users.values()]
        emails = [user.email for user in self.users.values()]
        # The cleanup may delete expired sessions.
        valid = {"expires_at__gt": self.services.now(), "last_seen_at__gt": self.services.now() - SESSION_IDLE_LIFETIME}
        async with self.services.database.reading():
            return [
                await models.Company.filter(id__in=[self.company.id, self.other_company.id]).order_by("id").values(),
                await models.User.filter(id__in=ids).order_by("id").values(),
                await models.Authenticator.filter(user_id__in=ids).order_by("user_id").values(),
                await models.BackupCodeSet.filter(user_id__in=ids).order_by("id").values(),
                await models.Session.filter(user_id__in=ids, **valid).order_by("id").values_list("id", flat=True),
                await models.OutboxEmail.filter(recipient_email__in=emails).count(),
            ]


def mutation(name: str, *arguments: str) -> str:
    """Return a mutation whose arguments are variables with the same names."""
    schema = served_schema()
    assert schema.mutation_type is not None
    types = {argument: schema.mutation_type.fields[name].args[argument].type for argument in arguments}
    variables = ", ".join(f"${argument}: {kind}" for argument, kind in types.items())
    given = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    return f"mutation{variables and f'({variables})'} {{ {name}{given and f'({given})'} {{ __typename }} }}"


async def actual_outcome(api: Api, name: str, arguments: dict[str, Any]) -> str:
    """Return the outcome of a field in the terms of the matrix."""
    document = QUERIES.get(name) or mutation(name, *arguments)
    result = await api.execute(document, arguments)
    if "errors" in result:
        return error_code(result)
    field = result["data"][name]
    if field is None:
        return "null"
    if name in QUERIES:
        return "empty" if isinstance(field, dict) and field.get("nodes") == [] else "returned"
    return str(field["__typename"])


@pytest.mark.attack("C5", "C8", "I1")
@pytest.mark.parametrize("requester", Requester, ids=[requester.name for requester in Requester])
async def test_each_requester_gets_the_outcome_of_the_matrix(
    api: Api, services: Services, password_hash: str, requester: Requester
) -> None:
    """With the right password and codes, each requester gets exactly the outcome of the matrix."""
    wrong: list[str] = []
    for name, outcomes in ROWS.items():
        expected = outcomes.of(requester)
        cells = dict.fromkeys([Target.SELF], expected) if isinstance(expected, str) else expected
        if isinstance(expected, str) and name in FIELDS_WITH_TARGET:
            cells = dict.fromkeys(Target, expected)
        for target, expected_outcome in cells.items():
            accounts = Accounts(services, password_hash)
            await accounts.create(requester, activating=name in ACTIVATION_FIELDS)
            arguments = await accounts.arguments(name, target)
            before = await accounts.protected_state()
            actual = await actual_outcome(api.with_token(accounts.token), name, arguments)
            if actual != expected_outcome:
                wrong.append(f"{name} on {target}: {actual}, expected {expected_outcome}")
            if actual in READ_ONLY_OUTCOMES and await accounts.protected_state() != before:
                wrong.append(f"{name} on {target}: {actual}, but data changed")

    assert wrong == []


@pytest.mark.attack("I1")
@pytest.mark.parametrize("viewpoint", Viewpoint, ids=[viewpoint.name for viewpoint in Viewpoint])
async def test_each_viewpoint_reads_the_user_fields_of_the_matrix(
    api: Api, services: Services, password_hash: str, viewpoint: Viewpoint
) -> None:
    """ASVS 8.2.3: each viewer reads exactly the fields of a user that the matrix allows."""
    accounts = Accounts(services, password_hash)
    requester = {
        Viewpoint.OWN_BEFORE_SETUP: Requester.MEMBER_BEFORE_SETUP,
        Viewpoint.ACTOR: Requester.MEMBER,
        Viewpoint.OWN: Requester.MEMBER,
    }.get(viewpoint, Requester.ADMIN)
    await accounts.create(requester, activating=False)
    actor = {Viewpoint.ACTOR: Target.ADMIN, Viewpoint.OTHER_COMPANY_ACTOR: Target.OTHER_ADMIN}.get(viewpoint)
    if actor:
        async with services.database.transaction():
            await models.SecurityEvent.filter(user_id=accounts.users[Target.SELF].id).delete()
            await audit.record(
                SecurityEventKind.TWO_FACTOR_RESET, user=accounts.users[Target.SELF], actor=accounts.users[actor],
                client=Client(), now=services.now(),
            )  # fmt: skip
    template = {
        Viewpoint.BY_ADMIN: f'user(id: "{accounts.id_of(Target.MEMBER)}") {{ %s }}',
        Viewpoint.ADMIN_BY_ADMIN: f'user(id: "{accounts.id_of(Target.ADMIN)}") {{ %s }}',
        Viewpoint.ACTOR: "viewer { securityEvents { nodes { actor { %s } } } }",
        Viewpoint.OTHER_COMPANY_ACTOR: "viewer { securityEvents { nodes { actor { %s } } } }",
    }.get(viewpoint, "viewer { %s }")
    found = {}
    for selection in USER_FIELDS:
        result = await api.with_token(accounts.token).execute("{ " + template % selection + " }")
        if "errors" in result:
            found[selection] = error_code(result)
            continue
        user = result["data"].get("user") or result["data"]["viewer"]
        if actor:
            user = user["securityEvents"]["nodes"][0]["actor"]
        if user is None:
            found[selection] = ABSENT
            continue
        value = user[selection.split()[0]]
        is_null = value is None and selection not in {"lastLoginAt", "lockedUntil"}
        found[selection] = "null" if is_null else "empty" if value in ([], {"nodes": []}) else "returned"

    assert found == {selection: outcomes[viewpoint] for selection, outcomes in USER_FIELDS.items()}


@pytest.mark.attack("I2")
async def test_admin_cannot_reset_own_2fa(logged_in_admin: ApiUser, clock: Clock) -> None:
    """No admin can reset their own 2FA, whether it is active or not."""
    assert (
        await logged_in_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, userId=logged_in_admin.id, password=PASSWORD)
        == "CannotResetOwnTwoFactor"
    )
    active = await activate(logged_in_admin, clock)

    assert (
        await active.client.outcome(ADMIN_RESET_TWO_FACTOR, userId=logged_in_admin.id, password=PASSWORD)
        == "CannotResetOwnTwoFactor"
    )


@pytest.mark.attack("I3")
async def test_reset_deletes_all_2fa_data_and_sessions(
    api: Api, member_with_2fa: ApiUser, logged_in_admin: ApiUser, clock: Clock, services: Services
) -> None:
    """TOTP secret, codes, challenges, counters and sessions are deleted. Event and email name the admin."""
    challenge = await start_login(api, member_with_2fa.user)
    await verify_login(api, challenge, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
    answer = await logged_in_admin.client.execute_one(
        ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD
    )
    assert answer["__typename"] == "TwoFactorReset"

    async with services.database.reading():
        for table in (
            models.Authenticator,
            models.BackupCodeSet,
            models.BackupCode,
            models.Challenge,
            models.Activation,
        ):
            assert await table.all().count() == 0, table
        assert await models.AttemptCount.filter(subject=member_with_2fa.user.id.hex).count() == 0
        event = await models.SecurityEvent.get(kind=SecurityEventKind.TWO_FACTOR_RESET)
        email = await models.OutboxEmail.get(kind="two_factor_reset")
    assert (event.user_id, event.actor_id) == (member_with_2fa.user.id, logged_in_admin.user.id)
    assert email.facts["by"] == logged_in_admin.user.name
    assert await member_with_2fa.client.data(VIEWER) == {"viewer": None}
    assert await verify_outcome(api, challenge, backupCode=member_with_2fa.codes[0]) == "ChallengeExpired"


@pytest.mark.attack("I4")
async def test_enforced_2fa_stays_active(
    member_with_2fa: ApiUser, company: models.Company, services: Services, clock: Clock
) -> None:
    """Neither a deactivation nor an unfinished activation ends enforced 2FA."""
    await set_security_policy(services.database, company, two_factor_enforced=True)

    assert await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "TwoFactorIsEnforced"
    assert (
        await member_with_2fa.client.outcome(START_TWO_FACTOR_ACTIVATION, password=PASSWORD) == "TwoFactorAlreadyActive"
    )
    clock.advance(timedelta(minutes=11))
    assert (await two_factor(member_with_2fa.client))["state"] == "ACTIVE"


@pytest.mark.attack("I5")
async def test_deactivation_requires_the_password(member_with_2fa: ApiUser) -> None:
    """Each wrong password counts. After five, the right one has to wait."""
    answers = [await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=WRONG_PASSWORD) for _ in range(5)]
    answers.append(await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD))

    assert answers == ["WrongPassword"] * 5 + ["TooManyAttempts"]


@pytest.mark.attack("I6")
async def test_enforcement_limits_existing_sessions_to_the_setup(
    logged_in_member: ApiUser, logged_in_admin: ApiUser
) -> None:
    """ASVS 8.3.2: from the next request on, the session can only set up 2FA. So can the admin's session."""
    await enforce_2fa(logged_in_admin)
    for api_user in (logged_in_member, logged_in_admin):
        result = await api_user.client.execute("{ viewer { locale devices { id } } }")
        assert error_code(result) == "TWO_FACTOR_SETUP_REQUIRED"
        assert result["data"] == {"viewer": {"locale": "en", "devices": None}}
        assert await api_user.client.outcome(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD) == (
            "TWO_FACTOR_SETUP_REQUIRED"
        )
        assert await api_user.client.outcome(START_TWO_FACTOR_ACTIVATION, password=PASSWORD) == "TwoFactorActivation"


async def enforce_2fa(logged_in_admin: ApiUser) -> None:
    """Enforce 2FA as an admin who has no 2FA."""
    answer = await logged_in_admin.client.execute_one(UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True)
    assert answer["__typename"] == "SecurityPolicyUpdated"


@pytest.mark.attack("I1")
async def test_admin_who_becomes_a_member_loses_admin_rights(
    logged_in_admin: ApiUser, member_with_2fa: ApiUser, services: Services
) -> None:
    """ASVS 8.3.2: a change of the role takes effect at the next request of an existing session."""
    await users.set_role(services, logged_in_admin.user.id, Role.MEMBER, force=True)

    assert (
        await logged_in_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD)
        == "FORBIDDEN"
    )
    assert error_code(await logged_in_admin.client.execute("{ users { totalCount } }")) == "FORBIDDEN"


@pytest.mark.attack("I8")
async def test_moved_user_belongs_to_the_new_company_only(
    api: Api,
    member_with_2fa: ApiUser,
    logged_in_admin: ApiUser,
    other_company: models.Company,
    services: Services,
    other_company_admin: models.User,
) -> None:
    """The policy and the admins of the new company account apply at once, also to an existing session."""
    await set_security_policy(services.database, other_company, two_factor_enforced=True, backup_codes_enabled=False)
    async with services.database.transaction():
        await models.User.filter(id=member_with_2fa.user.id).update(company_id=other_company.id)

    assert (
        await logged_in_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD)
        == "UserNotFound"
    )
    assert await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == "TwoFactorIsEnforced"
    answer = await verify_login(api, await start_login(api, member_with_2fa.user), backupCode=member_with_2fa.codes[0])
    assert answer["__typename"] == "WrongSecondFactor"
    await set_security_policy(services.database, other_company, two_factor_enforced=False)
    new_admin = await log_in(api.with_token(None), other_company_admin)
    assert (
        await new_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD)
        == "TwoFactorReset"
    )


@pytest.mark.attack("I1")
async def test_forbidden_request_is_logged(logged_in_member: ApiUser) -> None:
    """ASVS 16.3.2: the server logs a request of a member for a field of admins."""
    with capture_logs() as lines:
        assert error_code(await logged_in_member.client.execute("{ users { totalCount } }")) == "FORBIDDEN"

    assert [line["field"] for line in lines if line["event"] == "forbidden"] == ["users"]
