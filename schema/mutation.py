"""What can be done."""

# A field is declared with its GraphQL type, and its resolver gives the facts that this type claims (`schema.twins`).
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated

import strawberry

from models import SessionTransport
from resolvers import activation, backup_codes, password, policy, removal, sign_in
from schema import ids, unions
from schema.info import Info
from schema.inputs import SecondFactorInput, entered, given
from schema.results import LoggedOut
from twofactor import results
from twofactor.rules.policy import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH, REASON_MAX_LENGTH

Email = Annotated[
    str,
    strawberry.argument(
        description="What the user typed as their email, without spaces around it. Capitals do not matter."
    ),
]
LoginPassword = Annotated[
    str,
    strawberry.argument(
        description="What the user typed as their password, character for character: trim nothing, change no case."
    ),
]
Transport = Annotated[
    SessionTransport,
    strawberry.argument(
        description="How this client will carry its session: `COOKIE` in a browser, `TOKEN` anywhere else."
    ),
]
ChallengeToken = Annotated[
    str, strawberry.argument(description="The `challengeToken` that `login` answered with, not older than 5 minutes.")
]
SecondFactor = Annotated[
    SecondFactorInput,
    strawberry.argument(description="What the user entered: an OTP, or instead of it a backup code, never both."),
]
OwnPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            "The password of the person making the change, entered again, character for character. A wrong one costs "
            "an attempt of the budget that `login` uses as well."
        )
    ),
]
StartedActivation = Annotated[
    strawberry.ID, strawberry.argument(description="The `activationId` that `startTwoFactorActivation` answered with.")
]
Otp = Annotated[
    str,
    strawberry.argument(
        description=(
            "What the app shows for the new entry: six ASCII digits as text, leading zeros kept. Anything else is a "
            "`WrongOtp` that costs no attempt."
        )
    ),
]
ConfirmedActivation = Annotated[
    strawberry.ID,
    strawberry.argument(description=("The `activationId` of the activation whose backup codes were shown.")),
]
ResetUserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of the user who cannot sign in; any id but the admin's own."),
]
Reason = Annotated[
    str | None,
    strawberry.argument(
        description=(
            f"Why, in the admin's words, at most {REASON_MAX_LENGTH} characters without control characters; else the "
            "error `BAD_USER_INPUT`. It stands in the audit trail for good and in the letter to the user."
        )
    ),
]
TwoFactorEnforced = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to demand 2FA of every user: who has it not active can do nothing but activate it from the next "
            "request on, this admin included. Left out or null, the rule stays."
        )
    ),
]
BackupCodesEnabled = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "False to put backup codes out of use: existing ones lie dormant until it is true again. Left out or "
            "null, the rule stays."
        )
    ),
]
NewPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            f"What is to hold from now on, {PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH} characters, taken as it is. "
            "Common ones and those made of the user's own name or email are refused."
        )
    ),
]
SessionId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of one of the viewer's `sessions`; the current one may be it."),
]


@strawberry.type(
    description=(
        "Everything that can be done. Fields run one after the other, each as a whole or not at all. At most one "
        "field that checks a password or code may stand in an operation; with more, none runs."
    )
)
class Mutation:
    """What can be done."""

    @strawberry.field(
        description=(
            "Signs in by email and password. Answers with a session, or with a challenge for `verifyLogin` where 2FA "
            "is active. A wrong pair costs an attempt; after 5 in a row the email has to wait, whether it exists or "
            "not. A right one starts the count over. Needs no session, and ends none that the client had."
        )
    )
    def login(
        self,
        info: Info,
        email: Email,
        password: LoginPassword,
        transport: Transport = SessionTransport.TOKEN,
    ) -> unions.LoginResult | None:
        """The first step of signing in."""
        return sign_in.log_in(info.context, email, password, transport)

    @strawberry.field(
        description=(
            "Finishes a sign-in by an OTP, or in an emergency by a backup code. A wrong one costs an attempt of that "
            "kind and leaves the challenge good; after 5 in a row that kind has to wait, and at 100 it stops. A used "
            "backup code is told by letter, as are the last two left and, once a day at most, a row of failures."
        )
    )
    def verify_login(
        self, info: Info, challenge_token: ChallengeToken, second_factor: SecondFactor
    ) -> unions.VerifyLoginResult | None:
        """The second step of signing in."""
        return sign_in.verify_login(
            info.context,
            challenge_token,
            otp=entered(second_factor.otp),
            backup_code=entered(second_factor.backup_code),
        )

    @strawberry.field(
        description=(
            "Signs out: the session of the request ends, and its cookie is taken back. It cannot be refused, also "
            "without a session, with one that is over, or while 2FA has to be set up."
        )
    )
    def logout(self, info: Info) -> LoggedOut | None:
        """The end of the session."""
        return sign_in.log_out(info.context)

    @strawberry.field(
        description=(
            "Begins an activation and shows its secret, for this answer only. An unfinished activation of the viewer "
            "is replaced; nothing else changes, and no letter is sent. Open also to users who have to set up 2FA."
        )
    )
    def start_two_factor_activation(
        self, info: Info, password: OwnPassword
    ) -> unions.StartTwoFactorActivationResult | None:
        """The first step of an activation."""
        return activation.start(info.context, password)

    @strawberry.field(
        description=(
            "Shows that the app is set up. With backup codes on it issues them, and 2FA waits for the "
            "acknowledgement; with backup codes off it activates 2FA right away, with all that `TwoFactorActivated` "
            "says. If the answer got lost, ask again: before the acknowledgement with a newer OTP, for codes that "
            "replace the first. 5 wrong OTPs end the activation and touch no other count."
        )
    )
    def confirm_otp(self, info: Info, activation_id: StartedActivation, otp: Otp) -> unions.ConfirmOtpResult | None:
        """The second step of an activation."""
        return activation.confirm_otp(info.context, activation_id, otp)

    @strawberry.field(
        description=(
            "Says that the user has stored the backup codes, and activates 2FA: a letter tells of it, and the user's "
            "other sessions end. It costs no attempt. If the answer got lost, ask again: the answer is the same for "
            "as long as that activation is in force."
        )
    )
    def acknowledge_backup_codes(
        self, info: Info, activation_id: ConfirmedActivation
    ) -> unions.AcknowledgeBackupCodesResult | None:
        """The last step of an activation."""
        return activation.acknowledge_backup_codes(info.context, activation_id)

    @strawberry.field(
        description=(
            "Makes a new set of backup codes, shown this once. The old set stops working at once, half-done sign-ins "
            "end, and a letter tells the user; sessions go on."
        )
    )
    def regenerate_backup_codes(self, info: Info, password: OwnPassword) -> unions.RegenerateBackupCodesResult | None:
        """New backup codes."""
        return backup_codes.regenerate(info.context, password)

    @strawberry.field(
        description=(
            "Switches the viewer's own 2FA off, for good or to move to a new device. Key and backup codes are "
            "deleted, the user's other sessions end, and a letter tells of it. Refused while the company account "
            "enforces 2FA."
        )
    )
    def deactivate_two_factor(self, info: Info, password: OwnPassword) -> unions.DeactivateTwoFactorResult | None:
        """The end of the viewer's own 2FA."""
        return removal.deactivate(info.context, password)

    @strawberry.field(
        description=(
            "For admins: switches 2FA off for a user who has lost device and codes. Their key and codes are deleted, "
            "all their sessions end, locks are lifted, and a letter tells them. Make sure that it is really them who "
            "ask. Members get the error `FORBIDDEN`."
        )
    )
    def admin_reset_two_factor(
        self, info: Info, user_id: ResetUserId, password: OwnPassword, reason: Reason = strawberry.UNSET
    ) -> unions.AdminResetTwoFactorResult | None:
        """The end of another user's 2FA."""
        return removal.reset_by_admin(info.context, ids.decode_as(results.User, user_id), password, given(reason))

    @strawberry.field(
        description=(
            "For admins: sets the rules on 2FA for every user of their company account, from the next request on. It "
            "ends no session and sends no letter; the audit trail keeps what changed. Members get the error "
            "`FORBIDDEN`."
        )
    )
    def update_security_policy(
        self,
        info: Info,
        password: OwnPassword,
        two_factor_enforced: TwoFactorEnforced = strawberry.UNSET,
        backup_codes_enabled: BackupCodesEnabled = strawberry.UNSET,
    ) -> unions.UpdateSecurityPolicyResult | None:
        """The rules of the company account."""
        return policy.update(
            info.context,
            password,
            two_factor_enforced=given(two_factor_enforced),
            backup_codes_enabled=given(backup_codes_enabled),
        )

    @strawberry.field(
        description=(
            "Sets a new password for the viewer. Their other sessions and half-done sign-ins and activations end, and "
            "a letter tells of it; this session and 2FA stay."
        )
    )
    def change_password(
        self, info: Info, current_password: OwnPassword, new_password: NewPassword
    ) -> unions.ChangePasswordResult | None:
        """A new password."""
        return password.change(info.context, current_password, new_password)

    @strawberry.field(
        description=(
            "Ends one of the viewer's sessions, such as that of a device that was lost. It costs no attempt and sends "
            "no letter. With the current session it does what `logout` does."
        )
    )
    def revoke_session(self, info: Info, id: SessionId) -> unions.RevokeSessionResult | None:  # noqa: A002  # as above
        """The end of one of the viewer's sessions."""
        return sign_in.revoke_session(info.context, ids.decode_as(results.Session, id))
