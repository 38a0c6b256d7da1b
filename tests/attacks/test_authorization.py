"""Authorization, I1 to I8 and R20: every cell of the matrix, and what changes under a live session."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

import models
from models import Role, SecurityEventKind, SessionTransport
from tests.attacks.authorization import (
    ABSENT,
    FIELDS,
    REFUSALS,
    TO_SET_UP,
    USER_FIELDS,
    Asker,
    Sight,
    Target,
)
from tests.attacks.steps import (
    NEW_PASSWORD,
    WRONG_PASSWORD,
    Person,
    attempt,
    challenge_of,
    change_rules,
    code_of,
    enrol,
    mutation,
    outcome,
    signed_in,
    somebody,
    verify,
)
from tests.conftest import PASSWORD
from tests.contract.elements import served
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from twofactor import accounts, audit
from twofactor.environment import Client, Environment
from twofactor.rules.policy import SESSION_IDLE_LIFETIME, SESSION_LIFETIME
from twofactor.rules.tokens import TokenKind, token_hash
from twofactor.rules.totp import key

QUERIES = {
    "viewer": "{ viewer { id } }",
    "featureFlags": "{ featureFlags { backupCodes } }",
    "authenticatorApps": "{ authenticatorApps { name } }",
    "node": "query($id: ID!) { node(id: $id) { id } }",
    "user": "query($id: ID!) { user(id: $id) { id } }",
    "users": "{ users { nodes { id } } }",
    "securityEvents": "query($id: ID!) { securityEvents(filter: { userId: $id }) { nodes { id } } }",
}
# Who is refused whatever the target is refused for each of them.
UPON_SOMEBODY = {name for name, may in FIELDS.items() if isinstance(may.admin, dict)}
# Whoever activates has 2FA off before it.
ACTIVATING = {"startTwoFactorActivation", "confirmOtp", "acknowledgeBackupCodes"}


def test_every_root_field_is_in_the_matrix() -> None:
    """A field that is added to the schema cannot be forgotten."""
    schema = served()
    assert schema.query_type is not None
    assert schema.mutation_type is not None

    assert schema.query_type.fields.keys() == QUERIES.keys()
    assert schema.query_type.fields.keys() | schema.mutation_type.fields.keys() == FIELDS.keys()


def test_every_field_of_a_user_is_in_the_matrix() -> None:
    """The same for what can be asked of a user."""
    user = served().type_map["User"]

    assert {selection.split()[0] for selection in USER_FIELDS} == user.fields.keys()  # type: ignore[attr-defined]


@dataclass
class World:
    """Two company accounts with a member and an admin each, and whoever asks; all with rows of their own."""

    env: Environment
    password_hash: str
    company: models.Company = field(init=False)
    elsewhere: models.Company = field(init=False)
    users: dict[Target, models.User] = field(default_factory=dict)
    sessions: dict[Target, models.Session] = field(default_factory=dict)
    token: str | None = None
    seed: bytes = b"12345678901234567890"

    @property
    def app(self) -> Authenticator:
        """The app of everybody."""
        return Authenticator(key(self.seed))

    async def make(self, asker: Asker, *, activating: bool) -> None:
        """Make everybody anew."""
        now = self.env.now()
        async with self.env.database.transaction():
            self.company = await models.Company.create(
                name="Acme", created_at=now, two_factor_enforced=asker in TO_SET_UP
            )
            self.elsewhere = await models.Company.create(name="Elsewhere", created_at=now)
            role = Role.MEMBER if asker in {Asker.MEMBER, Asker.MEMBER_TO_SET_UP} else Role.ADMIN
            is_off = activating or asker in TO_SET_UP
            await self._user(Target.SELF, self.company, role, active=not is_off)
            await self._user(Target.MEMBER, self.company, Role.MEMBER)
            await self._user(Target.ADMIN, self.company, Role.ADMIN)
            await self._user(Target.OTHER_MEMBER, self.elsewhere, Role.MEMBER)
            await self._user(Target.OTHER_ADMIN, self.elsewhere, Role.ADMIN)
            self.token = await self._carried(asker)

    async def _user(self, target: Target, company: models.Company, role: Role, *, active: bool = True) -> None:
        now, number = self.env.now(), uuid4().hex
        email = f"{number}@acme.example"
        user = await models.User.create(
            company=company, email=email, email_key=email, name=number, name_key=number, search_key=number, role=role,
            password_hash=self.password_hash, created_at=now, two_factor_activated_at=now if active else None,
        )  # fmt: skip
        if active:
            sealed = self.env.seal(self.seed, user.id)
            await models.Authenticator.create(
                user_id=user.id, sealed_seed=sealed.box, key_id=sealed.key_id, last_step=0,
                activation_token_hash=number.rjust(64, "0"), activated_by_acknowledgement=True,
            )  # fmt: skip
        self.users[target] = user
        self.sessions[target], _ = await self._session(user)
        await audit.record(SecurityEventKind.LOGIN_SUCCEEDED, user=user, client=Client(), now=now)

    async def _session(self, user: models.User) -> tuple[models.Session, str]:
        now, token = self.env.now(), self.env.new_token(TokenKind.SESSION)
        session = await models.Session.create(
            token_hash=token_hash(TokenKind.SESSION, token), user_id=user.id, created_at=now, last_seen_at=now,
            expires_at=now + SESSION_LIFETIME,
        )  # fmt: skip
        return session, token

    async def _carried(self, asker: Asker) -> str | None:
        now, user = self.env.now(), self.users[Target.SELF]
        session, token = await self._session(user)
        row = models.Session.filter(id=session.id)
        match asker:
            case Asker.ANONYMOUS:
                return None
            case Asker.FORGED:
                return "cs_session_" + "A" * 43
            case Asker.CHALLENGE:
                return await self.challenge(Target.SELF)
            case Asker.ACTIVATION:
                return await self.activation(Target.SELF)
            case Asker.ENDED:
                await row.delete()
            case Asker.EXPIRED:
                await row.update(expires_at=now)
            case Asker.IDLE:
                await row.update(last_seen_at=now - SESSION_IDLE_LIFETIME)
            case Asker.DISABLED:
                await models.User.filter(id=user.id).update(is_enabled=False)
            case Asker.DELETED:
                await models.User.filter(id=user.id).delete()
        return token

    async def challenge(self, target: Target) -> str:
        """A challenge that is good."""
        now, token = self.env.now(), self.env.new_token(TokenKind.CHALLENGE)
        await models.Challenge.create(
            token_hash=token_hash(TokenKind.CHALLENGE, token), user_id=self.users[target].id,
            transport=SessionTransport.TOKEN, created_at=now, expires_at=now + timedelta(minutes=5),
        )  # fmt: skip
        return token

    async def activation(self, target: Target, *, confirmed: bool = False) -> str:
        """An activation that is under way."""
        now, token = self.env.now(), self.env.new_token(TokenKind.ACTIVATION)
        sealed = self.env.seal(self.seed, self.users[target].id)
        activation = await models.Activation.create(
            token_hash=token_hash(TokenKind.ACTIVATION, token), user_id=self.users[target].id, sealed_seed=sealed.box,
            key_id=sealed.key_id, created_at=now, expires_at=now + timedelta(minutes=10),
        )  # fmt: skip
        if confirmed:
            await models.BackupCodeSet.create(
                user_id=self.users[target].id, activation_id=activation.id, salt=b"0" * 16, created_at=now
            )
        return token

    def id_of(self, target: Target, prefix: str = "user") -> str:
        """The id of the target, or of its session."""
        if target is Target.UNKNOWN:
            return f"{prefix}_{'0' * 32}"
        row = self.users[target] if prefix == "user" else self.sessions[target]
        return f"{prefix}_{row.id.hex}"

    async def arguments(self, name: str, target: Target) -> dict[str, Any]:  # noqa: PLR0911  # a table
        """Arguments with which the field does what it does, if the asker may."""
        otp = self.app.otp(self.env.now())
        match name:
            case "node" | "user" | "securityEvents":
                return {"id": self.id_of(target)}
            case "login":
                return {"email": self.users[Target.MEMBER].email, "password": PASSWORD}
            case "verifyLogin":
                async with self.env.database.transaction():
                    challenge = await self.challenge(Target.MEMBER)
                return {"challengeToken": challenge, "secondFactor": {"otp": otp}}
            case "confirmOtp" | "acknowledgeBackupCodes":
                return {"activationId": await self._activation_of(target, name)} | (
                    {"otp": otp} if name == "confirmOtp" else {}
                )
            case "adminResetTwoFactor":
                return {"userId": self.id_of(target), "password": PASSWORD}
            case "changePassword":
                return {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
            case "updateSecurityPolicy":
                return {"password": PASSWORD, "backupCodesEnabled": False}
            case "revokeSession":
                return {"id": self.id_of(target, "session")}
            case "startTwoFactorActivation" | "regenerateBackupCodes" | "deactivateTwoFactor":
                return {"password": PASSWORD}
            case _:
                return {}

    async def _activation_of(self, target: Target, name: str) -> str:
        async with self.env.database.transaction():
            exists = target is not Target.UNKNOWN and await models.User.exists(id=self.users[target].id)
            if not exists:
                return "cs_activation_" + "A" * 43
            await models.Activation.filter(user_id=self.users[target].id).delete()
            return await self.activation(target, confirmed=name == "acknowledgeBackupCodes")

    async def everything(self) -> list[Any]:
        """What an outcome that is no success leaves as it is, of both company accounts."""
        ids = [user.id for user in self.users.values()]
        emails = [user.email for user in self.users.values()]
        # Upkeep may clear away the others.
        live = {"expires_at__gt": self.env.now(), "last_seen_at__gt": self.env.now() - SESSION_IDLE_LIFETIME}
        async with self.env.database.reading():
            return [
                await models.Company.filter(id__in=[self.company.id, self.elsewhere.id]).order_by("id").values(),
                await models.User.filter(id__in=ids).order_by("id").values(),
                await models.Authenticator.filter(user_id__in=ids).order_by("user_id").values(),
                await models.BackupCodeSet.filter(user_id__in=ids).order_by("id").values(),
                await models.Session.filter(user_id__in=ids, **live).order_by("id").values_list("id", flat=True),
                await models.Letter.filter(recipient_email__in=emails).count(),
            ]


async def what_happened(api: Api, name: str, arguments: dict[str, Any]) -> str:
    """The outcome of a field, as the matrix writes it."""
    document = QUERIES.get(name) or mutation(name, *arguments)
    result = await api.execute(document, arguments)
    if "errors" in result:
        return code_of(result)
    answer = result["data"][name]
    if answer is None:
        return "null"
    if name in QUERIES:
        return "empty" if isinstance(answer, dict) and answer.get("nodes") == [] else "given"
    return str(answer["__typename"])


@pytest.mark.parametrize("asker", Asker, ids=[asker.name for asker in Asker])
async def test_every_cell_of_the_matrix(api: Api, env: Environment, password_hash: str, asker: Asker) -> None:
    """I1, I4, R20, C5, C8: with the right password and codes, each asker gets what the matrix says and no more."""
    wrong: list[str] = []
    for name, may in FIELDS.items():
        expected = may.by(asker)
        cells = dict.fromkeys([Target.SELF], expected) if isinstance(expected, str) else expected
        if isinstance(expected, str) and name in UPON_SOMEBODY:
            cells = dict.fromkeys(Target, expected)
        for target, outcome_expected in cells.items():
            world = World(env, password_hash)
            await world.make(asker, activating=name in ACTIVATING)
            arguments = await world.arguments(name, target)
            before = await world.everything()
            happened = await what_happened(somebody(api, world.token), name, arguments)
            if happened != outcome_expected:
                wrong.append(f"{name} upon {target}: {happened}, not {outcome_expected}")
            if happened in REFUSALS and await world.everything() != before:
                wrong.append(f"{name} upon {target}: {happened}, and yet something changed")

    assert wrong == []


@pytest.mark.parametrize("sight", Sight, ids=[sight.name for sight in Sight])
async def test_every_field_of_a_user(api: Api, env: Environment, password_hash: str, sight: Sight) -> None:
    """I1, ASVS 8.2.3: of a user, each viewer sees what the matrix says."""
    world = World(env, password_hash)
    asker = {Sight.OWN_TO_SET_UP: Asker.MEMBER_TO_SET_UP, Sight.ACTOR: Asker.MEMBER, Sight.OWN: Asker.MEMBER}.get(
        sight, Asker.ADMIN
    )
    await world.make(asker, activating=False)
    actor = {Sight.ACTOR: Target.ADMIN, Sight.FAR_ACTOR: Target.OTHER_ADMIN}.get(sight)
    if actor:
        async with env.database.transaction():
            await models.SecurityEvent.filter(user_id=world.users[Target.SELF].id).delete()
            await audit.record(
                SecurityEventKind.TWO_FACTOR_RESET, user=world.users[Target.SELF], actor=world.users[actor],
                client=Client(), now=env.now(),
            )  # fmt: skip
    way = {
        Sight.BY_ADMIN: f'user(id: "{world.id_of(Target.MEMBER)}") {{ %s }}',
        Sight.ADMIN_BY_ADMIN: f'user(id: "{world.id_of(Target.ADMIN)}") {{ %s }}',
        Sight.ACTOR: "viewer { securityEvents { nodes { actor { %s } } } }",
        Sight.FAR_ACTOR: "viewer { securityEvents { nodes { actor { %s } } } }",
    }.get(sight, "viewer { %s }")
    found = {}
    for selection in USER_FIELDS:
        result = await somebody(api, world.token).execute("{ " + way % selection + " }")
        if "errors" in result:
            found[selection] = code_of(result)
            continue
        user = result["data"].get("user") or result["data"]["viewer"]
        if actor:
            user = user["securityEvents"]["nodes"][0]["actor"]
        if user is None:
            found[selection] = ABSENT
            continue
        value = user[selection.split()[0]]
        is_null = value is None and selection != "lastLoginAt"
        found[selection] = "null" if is_null else "empty" if value in ([], {"nodes": []}) else "given"

    assert found == {selection: outcomes[sight] for selection, outcomes in USER_FIELDS.items()}


async def test_an_admin_sheds_2fa_by_a_reset(ada: Person, clock: Clock) -> None:
    """I2: nobody resets their own, with 2FA active or not."""
    assert await outcome(ada.api, "adminResetTwoFactor", userId=ada.id, password=PASSWORD) == "CannotResetOwnTwoFactor"
    active = await enrol(ada, clock)

    assert (
        await outcome(active.api, "adminResetTwoFactor", userId=ada.id, password=PASSWORD) == "CannotResetOwnTwoFactor"
    )


async def test_something_is_left_after_a_reset(
    api: Api, enrolled: Person, ada: Person, clock: Clock, env: Environment
) -> None:
    """I3, I1: seed, codes, challenges, counters and sessions are gone; the event and the letter name who did it."""
    challenge = await challenge_of(api, enrolled.user.email)
    await verify(api, challenge, otp=enrolled.app.wrong_otp(clock.now))
    answer = await attempt(ada.api, "adminResetTwoFactor", userId=enrolled.id, password=PASSWORD)
    assert answer["__typename"] == "TwoFactorReset"

    async with env.database.reading():
        for table in (
            models.Authenticator,
            models.BackupCodeSet,
            models.BackupCode,
            models.Challenge,
            models.Activation,
        ):
            assert await table.all().count() == 0, table
        assert await models.AttemptBudget.filter(subject=enrolled.user.id.hex).count() == 0
        event = await models.SecurityEvent.get(kind=SecurityEventKind.TWO_FACTOR_RESET)
        letter = await models.Letter.get(kind=models.LetterKind.TWO_FACTOR_RESET)
    assert (event.user_id, event.actor_id) == (enrolled.user.id, ada.user.id)
    assert letter.facts["by"] == ada.user.name
    assert await enrolled.api.data("{ viewer { id } }") == {"viewer": None}
    assert (await verify(api, challenge, backupCode=enrolled.codes[0]))["__typename"] == "ChallengeExpired"


async def test_enforced_2fa_is_shed(enrolled: Person, company: models.Company, env: Environment, clock: Clock) -> None:
    """I4, R21: neither by deactivating nor by starting an activation that is never finished."""
    await change_rules(env.database, company, two_factor_enforced=True)

    assert await outcome(enrolled.api, "deactivateTwoFactor", password=PASSWORD) == "TwoFactorIsEnforced"
    assert await outcome(enrolled.api, "startTwoFactorActivation", password=PASSWORD) == "TwoFactorAlreadyActive"
    clock.advance(timedelta(minutes=11))
    answer = await enrolled.api.data("{ viewer { twoFactor { state } } }")
    assert answer["viewer"]["twoFactor"]["state"] == "ACTIVE"


async def test_2fa_is_deactivated_without_the_password(enrolled: Person) -> None:
    """I5: a session alone does not do; each wrong password counts, and at five the right one has to wait."""
    answers = [await outcome(enrolled.api, "deactivateTwoFactor", password=WRONG_PASSWORD) for _ in range(5)]
    answers.append(await outcome(enrolled.api, "deactivateTwoFactor", password=PASSWORD))

    assert answers == ["WrongPassword"] * 5 + ["TooManyAttempts"]


async def test_a_live_session_goes_on_after_2fa_is_enforced(mia: Person, ada: Person) -> None:
    """I6, R21, ASVS 8.3.2: from the next request on the session can set up 2FA and nothing else, the admin's too."""
    await enrol_none(ada)
    for person in (mia, ada):
        result = await person.api.execute("{ viewer { id sessions { id } } }")
        assert code_of(result) == "TWO_FACTOR_SETUP_REQUIRED"
        assert await outcome(person.api, "changePassword", currentPassword=PASSWORD, newPassword=NEW_PASSWORD) == (
            "TWO_FACTOR_SETUP_REQUIRED"
        )
        assert await outcome(person.api, "startTwoFactorActivation", password=PASSWORD) == "TwoFactorActivation"


async def enrol_none(ada: Person) -> None:
    """Let the admin enforce 2FA without having it."""
    answer = await attempt(ada.api, "updateSecurityPolicy", password=PASSWORD, twoFactorEnforced=True)
    assert answer["__typename"] == "SecurityPolicyUpdated"


async def test_an_admin_goes_on_after_being_made_a_member(ada: Person, enrolled: Person, env: Environment) -> None:
    """I1, ASVS 8.3.2: a role that is taken away is gone with the next request of a live session."""
    await accounts.set_role(env, ada.user.id, Role.MEMBER)

    assert await outcome(ada.api, "adminResetTwoFactor", userId=enrolled.id, password=PASSWORD) == "FORBIDDEN"
    assert code_of(await ada.api.execute("{ users { totalCount } }")) == "FORBIDDEN"


async def test_a_user_is_moved_to_another_company_in_the_middle(  # fixtures
    api: Api, enrolled: Person, ada: Person, other_company: models.Company, env: Environment, stranger: models.User
) -> None:
    """I8: from then on the rules and the admins of the new company account hold, for a live session too."""
    await change_rules(env.database, other_company, two_factor_enforced=True, backup_codes_enabled=False)
    async with env.database.transaction():
        await models.User.filter(id=enrolled.user.id).update(company_id=other_company.id)

    assert await outcome(ada.api, "adminResetTwoFactor", userId=enrolled.id, password=PASSWORD) == "UserNotFound"
    assert await outcome(enrolled.api, "deactivateTwoFactor", password=PASSWORD) == "TwoFactorIsEnforced"
    answer = await verify(api, await challenge_of(api, enrolled.user.email), backupCode=enrolled.codes[0])
    assert answer["__typename"] == "WrongSecondFactor"
    await change_rules(env.database, other_company, two_factor_enforced=False)
    new_admin = await signed_in(api, stranger)
    assert (
        await outcome(new_admin.api, "adminResetTwoFactor", userId=enrolled.id, password=PASSWORD) == "TwoFactorReset"
    )


async def test_what_a_role_may_not_is_logged(mia: Person) -> None:
    """I1, ASVS 16.3.2: a member who asks for what is an admin's leaves a line in the log."""
    with capture_logs() as lines:
        assert code_of(await mia.api.execute("{ users { totalCount } }")) == "FORBIDDEN"

    assert [line["field"] for line in lines if line["event"] == "forbidden"] == ["users"]
