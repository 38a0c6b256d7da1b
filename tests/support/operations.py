"""The GraphQL operations that tests, attacks and benchmarks send.

An operation has the name of its field. Each variable has the name of its argument. Each mutation selects everything
of its result that needs no other SQL statement, except the fields of users and sessions. A test that needs another form
of an operation has its own.
"""

TWO_FACTOR_FIELDS = "twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }"
_TEXT_FILE = "file { name mimeType content }"
_LOGGED_IN = "... on LoggedIn { sessionToken session { id secondFactor } viewer { id } }"
_USER_ERRORS = "... on UserError { message } ... on TooManyAttempts { retryAt }"
_PASSWORD_ERRORS = f"{_USER_ERRORS} ... on WrongPassword {{ attemptsRemaining }}"

LOGIN = f"""
mutation Login($email: String!, $password: String!, $transport: SessionTransport! = TOKEN) {{
  login(email: $email, password: $password, transport: $transport) {{
    __typename {_LOGGED_IN} ... on SecondFactorRequired {{ challengeToken expiresAt methods }} {_USER_ERRORS}
  }}
}}
"""
VERIFY_LOGIN = f"""
mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {{
  verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {{
    __typename {_LOGGED_IN} ... on WrongSecondFactor {{ attemptsRemaining malformed }} {_USER_ERRORS}
  }}
}}
"""
LOGOUT = "mutation Logout { logout { __typename sessionId } }"


def _start_two_factor_activation(qr_code: str) -> str:
    return f"""
mutation StartTwoFactorActivation($password: String!) {{
  startTwoFactorActivation(password: $password) {{
    __typename
    ... on TwoFactorActivation {{ activationId key otpauthUri issuer accountName expiresAt {qr_code} }}
    {_PASSWORD_ERRORS}
  }}
}}
"""


START_TWO_FACTOR_ACTIVATION = _start_two_factor_activation("")
# Rendering the images takes more time than the rest of the operation.
START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE = _start_two_factor_activation("qrCode { svg svgDataUri pngDataUri }")
CONFIRM_OTP = f"""
mutation ConfirmOtp($activationId: ID!, $otp: String!, $rotateSession: Boolean! = false) {{
  confirmOtp(activationId: $activationId, otp: $otp, rotateSession: $rotateSession) {{
    __typename
    ... on BackupCodesIssued {{ activationId codes {_TEXT_FILE} expiresAt }}
    ... on TwoFactorActivated {{ viewer {{ id }} {TWO_FACTOR_FIELDS} sessionToken }}
    ... on AuthenticatorReplaced {{ viewer {{ id }} sessionToken }}
    ... on AuthenticatorAdded {{ viewer {{ id }} sessionToken }}
    ... on WrongOtp {{ attemptsRemaining malformed }}
    {_USER_ERRORS}
  }}
}}
"""
ACKNOWLEDGE_BACKUP_CODES = f"""
mutation AcknowledgeBackupCodes($activationId: ID!, $rotateSession: Boolean! = false) {{
  acknowledgeBackupCodes(activationId: $activationId, rotateSession: $rotateSession) {{
    __typename
    ... on TwoFactorActivated {{ viewer {{ id }} {TWO_FACTOR_FIELDS} sessionToken }}
    ... on BackupCodesAcknowledged {{ viewer {{ id }} }}
    ... on UserError {{ message }}
  }}
}}
"""
REGENERATE_BACKUP_CODES = f"""
mutation RegenerateBackupCodes($password: String!, $untilAcknowledged: Boolean = false) {{
  regenerateBackupCodes(password: $password, untilAcknowledged: $untilAcknowledged) {{
    __typename
    ... on BackupCodesRegenerated {{ codes {_TEXT_FILE} viewer {{ id }} activationId }}
    {_PASSWORD_ERRORS}
  }}
}}
"""
_ACTIVATION = "... on TwoFactorActivation { activationId key otpauthUri issuer accountName expiresAt }"
_SECOND_FACTOR_ERRORS = f"{_PASSWORD_ERRORS} ... on WrongSecondFactor {{ attemptsRemaining }}"
START_AUTHENTICATOR_REPLACEMENT = f"""
mutation StartAuthenticatorReplacement($password: String!, $secondFactor: SecondFactorInput!, $authenticatorId: ID) {{
  startAuthenticatorReplacement(password: $password, secondFactor: $secondFactor, authenticatorId: $authenticatorId) {{
    __typename {_ACTIVATION} {_SECOND_FACTOR_ERRORS}
  }}
}}
"""
ADD_AUTHENTICATOR = f"""
mutation AddAuthenticator($password: String!, $secondFactor: SecondFactorInput!, $name: String!) {{
  addAuthenticator(password: $password, secondFactor: $secondFactor, name: $name) {{
    __typename {_ACTIVATION} ... on TooManyAuthenticators {{ limit }} {_SECOND_FACTOR_ERRORS}
  }}
}}
"""
REMOVE_AUTHENTICATOR = f"""
mutation RemoveAuthenticator($id: ID!, $password: String!, $secondFactor: SecondFactorInput) {{
  removeAuthenticator(id: $id, password: $password, secondFactor: $secondFactor) {{
    __typename ... on AuthenticatorRemoved {{ authenticatorId viewer {{ id }} }} {_SECOND_FACTOR_ERRORS}
  }}
}}
"""
DEACTIVATE_TWO_FACTOR = f"""
mutation DeactivateTwoFactor($password: String!, $rotateSession: Boolean! = false) {{
  deactivateTwoFactor(password: $password, rotateSession: $rotateSession) {{
    __typename ... on TwoFactorDeactivated {{ viewer {{ id }} {TWO_FACTOR_FIELDS} sessionToken }} {_PASSWORD_ERRORS}
  }}
}}
"""
ADMIN_RESET_TWO_FACTOR = f"""
mutation AdminResetTwoFactor($userId: ID!, $password: String!, $reason: String) {{
  adminResetTwoFactor(userId: $userId, password: $password, reason: $reason) {{
    __typename ... on TwoFactorReset {{ user {{ id }} }} {_PASSWORD_ERRORS}
  }}
}}
"""
POLICY_IMPACT = """
query PolicyImpact($change: PolicyChange!, $first: Int = 25, $after: String) {
  policyImpact(change: $change) {
    at usersToSetUp signedInUsersToSetUp adminsWhoCanAct viewerHasToSetUp
    users(first: $first, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } }
  }
}"""

RESET_WITH_VOUCHER = f"""
mutation ResetWithVoucher($userId: ID!, $password: String!) {{
  adminResetTwoFactor(userId: $userId, password: $password) {{
    __typename
    ... on TwoFactorReset {{ voucher voucherExpiresAt user {{ id twoFactor {{ voucherNeeded }} }} }}
    {_PASSWORD_ERRORS}
  }}
}}
"""
START_WITH_VOUCHER = f"""
mutation StartWithVoucher($password: String!, $voucher: String) {{
  startTwoFactorActivation(password: $password, voucher: $voucher) {{
    __typename
    ... on TwoFactorActivation {{ activationId key otpauthUri }}
    ... on WrongVoucher {{ attemptsRemaining malformed nextAttemptAt retryAfterSeconds }}
    {_PASSWORD_ERRORS}
  }}
}}
"""
UPDATE_SECURITY_POLICY = f"""
mutation UpdateSecurityPolicy($password: String!, $twoFactorEnforced: Boolean, $backupCodesEnabled: Boolean) {{
  updateSecurityPolicy(
    password: $password, twoFactorEnforced: $twoFactorEnforced, backupCodesEnabled: $backupCodesEnabled
  ) {{
    __typename
    ... on SecurityPolicyUpdated {{ company {{ id name twoFactorEnforced backupCodesEnabled }} }}
    {_PASSWORD_ERRORS}
  }}
}}
"""
CHANGE_PASSWORD = f"""
mutation ChangePassword($currentPassword: String!, $newPassword: String!, $rotateSession: Boolean! = false) {{
  changePassword(currentPassword: $currentPassword, newPassword: $newPassword, rotateSession: $rotateSession) {{
    __typename
    ... on PasswordChanged {{ viewer {{ id }} sessionToken }}
    ... on PasswordTooWeak {{ minimumLength maximumLength }}
    {_PASSWORD_ERRORS}
  }}
}}
"""
UPDATE_PROFILE = """
mutation UpdateProfile($name: String, $locale: String) {
  updateProfile(name: $name, locale: $locale) {
    __typename
    ... on ProfileUpdated { viewer { id name locale } }
    ... on UnsupportedLocale { supported }
    ... on UserError { message }
  }
}
"""
REVOKE_SESSION = """
mutation RevokeSession($id: ID!) {
  revokeSession(id: $id) {
    __typename ... on SessionRevoked { sessionId viewer { id } } ... on UserError { message }
  }
}
"""
REVOKE_OTHER_SESSIONS = """
mutation RevokeOtherSessions { revokeOtherSessions { __typename viewer { id } } }
"""
END_USER_SESSIONS = f"""
mutation EndUserSessions($userId: ID!, $password: String!) {{
  endUserSessions(userId: $userId, password: $password) {{
    __typename ... on UserSessionsEnded {{ user {{ id }} }} {_PASSWORD_ERRORS}
  }}
}}
"""
_CHANGED_USER = f"user {{ id role enabled {TWO_FACTOR_FIELDS} }} viewer {{ id role }}"
UNLOCK_USER = f"""
mutation UnlockUser($userId: ID!, $password: String!) {{
  unlockUser(userId: $userId, password: $password) {{
    __typename ... on UserUnlocked {{ {_CHANGED_USER} }} {_PASSWORD_ERRORS}
  }}
}}
"""
DISABLE_USER = f"""
mutation DisableUser($userId: ID!, $password: String!) {{
  disableUser(userId: $userId, password: $password) {{
    __typename ... on UserDisabled {{ {_CHANGED_USER} }} {_PASSWORD_ERRORS}
  }}
}}
"""
ENABLE_USER = f"""
mutation EnableUser($userId: ID!, $password: String!) {{
  enableUser(userId: $userId, password: $password) {{
    __typename ... on UserEnabled {{ {_CHANGED_USER} }} {_PASSWORD_ERRORS}
  }}
}}
"""
SET_USER_ROLE = f"""
mutation SetUserRole($userId: ID!, $role: Role!, $password: String!) {{
  setUserRole(userId: $userId, role: $role, password: $password) {{
    __typename ... on UserRoleSet {{ {_CHANGED_USER} }} {_PASSWORD_ERRORS}
  }}
}}
"""
SET_USER_ENFORCEMENT = f"""
mutation SetUserEnforcement(
  $userId: ID!, $password: String!, $enforcement: UserEnforcement!, $exemptUntil: DateTime
) {{
  setUserEnforcement(
    userId: $userId, password: $password, enforcement: $enforcement, exemptUntil: $exemptUntil
  ) {{
    __typename
    ... on UserEnforcementChanged {{ user {{ id twoFactor {{ enforcement exemptUntil enforced }} }} }}
    {_PASSWORD_ERRORS}
  }}
}}
"""

# The fields that a user can read before the required setup of 2FA.
VIEWER = f"""
query Viewer {{
  viewer {{
    __typename id email name role company {{ id name twoFactorEnforced backupCodesEnabled }} {TWO_FACTOR_FIELDS}
  }}
}}
"""
SESSIONS = """
query Sessions {
  viewer { sessions { id createdAt lastSeenAt expiresAt ipAddress userAgent current secondFactor } }
}
"""
FEATURE_FLAGS = "query FeatureFlags { featureFlags { backupCodes } }"
AUTHENTICATOR_APPS = "query AuthenticatorApps { authenticatorApps { name appStoreUrl playStoreUrl } }"
NODE = """
query Node($id: ID!) {
  node(id: $id) {
    __typename id ... on User { email } ... on Company { name } ... on Session { current } ... on SecurityEvent { kind }
  }
}
"""
USER = f"""
query User($id: ID!) {{
  user(id: $id) {{
    id email name role createdAt lastLoginAt {TWO_FACTOR_FIELDS} sessions {{ id }}
    securityEvents(first: 1) {{ nodes {{ kind }} }}
  }}
}}
"""
USERS = """
query Users($first: Int! = 25, $after: String, $filter: UserFilter, $orderBy: UserOrder! = NEWEST_FIRST) {
  users(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount
    nodes { id email name }
    edges { cursor node { id email name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
SECURITY_EVENTS = """
query SecurityEvents($first: Int! = 25, $after: String, $filter: SecurityEventFilter) {
  securityEvents(first: $first, after: $after, filter: $filter) {
    nodes { id kind occurredAt user { id email } actor { id email } ipAddress userAgent note }
    edges { cursor node { kind } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
