#!/usr/bin/env bash
# Log in, activate 2FA, log in with a backup code and deactivate 2FA, with curl. Needs curl and Python 3. Python reads JSON.
# If oathtool is installed, it generates the OTPs; otherwise Python does.
#
#   EMAIL=mia@acme.example PASSWORD=... ./flow.sh [URL]
set -euo pipefail

URL="${1:-http://127.0.0.1:8000/graphql}"
: "${EMAIL:?email of the user}" "${PASSWORD:?password of the user}"
SESSION_TOKEN=""

LOGIN='mutation Login($email: String!, $password: String!) {
  login(email: $email, password: $password) {
    __typename
    ... on LoggedIn { sessionToken viewer { name twoFactor { state setupRequired } } }
    ... on SecondFactorRequired { challengeToken expiresAt methods }
    ... on UserError { message }
    ... on TooManyAttempts { retryAfterSeconds }
  }
}'
VERIFY_LOGIN='mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
  verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
    __typename
    ... on LoggedIn { sessionToken session { secondFactor } viewer { twoFactor { backupCodesRemaining } } }
    ... on UserError { message }
    ... on WrongSecondFactor { attemptsRemaining retryAfterSeconds }
    ... on TooManyAttempts { retryAfterSeconds }
  }
}'
START_ACTIVATION='mutation StartActivation($password: String!) {
  startTwoFactorActivation(password: $password) {
    __typename
    ... on TwoFactorActivation { activationId key otpauthUri expiresAt }
    ... on UserError { message }
    ... on WrongPassword { attemptsRemaining retryAfterSeconds }
    ... on TooManyAttempts { retryAfterSeconds }
  }
}'
CONFIRM_OTP='mutation ConfirmOtp($activationId: ID!, $otp: String!) {
  confirmOtp(activationId: $activationId, otp: $otp) {
    __typename
    ... on BackupCodesIssued { activationId codes }
    ... on TwoFactorActivated { viewer { twoFactor { state } } }
    ... on UserError { message }
    ... on WrongOtp { attemptsRemaining }
  }
}'
ACKNOWLEDGE_BACKUP_CODES='mutation AcknowledgeBackupCodes($activationId: ID!) {
  acknowledgeBackupCodes(activationId: $activationId) {
    __typename
    ... on TwoFactorActivated { viewer { twoFactor { state backupCodesRemaining } } }
    ... on UserError { message }
  }
}'
DEACTIVATE='mutation Deactivate($password: String!) {
  deactivateTwoFactor(password: $password) {
    __typename
    ... on TwoFactorDeactivated { viewer { twoFactor { state } } }
    ... on UserError { message }
    ... on WrongPassword { attemptsRemaining retryAfterSeconds }
  }
}'
LOGOUT='mutation Logout { logout { __typename sessionId } }'

# Print a JSON object with the given KEY=VALUE pairs. A dot in KEY creates a nested object.
json() {
  python3 -c '
import json, sys
result = {}
for pair in sys.argv[1:]:
    path, _, value = pair.partition("=")
    *parents, name = path.split(".")
    target = result
    for parent in parents:
        target = target.setdefault(parent, {})
    target[name] = value
print(json.dumps(result))' "$@"
}

# Print a value of $ANSWER. Start at the result of the root field and follow each KEY.
pick() {
  python3 -c '
import json, sys
answer = json.loads(sys.argv[1])
if "errors" in answer:
    sys.exit("error: " + json.dumps(answer["errors"]))
(value,) = answer["data"].values()
for key in sys.argv[2:]:
    value = value[int(key) if key.isdigit() else key]
print(value)' "$ANSWER" "$@"
}

# Send an operation with its variables. Exit with status 1 if the result is not one of the expected types.
send() {
  local operation="$1" variables="$2" expected="$3" headers=(-H 'Content-Type: application/json')
  if [ -n "$SESSION_TOKEN" ]; then headers+=(-H "Authorization: Bearer $SESSION_TOKEN"); fi
  # Send the variables through standard input: every user of the machine can read the arguments of a process.
  ANSWER="$(python3 -c '
import json, sys
print(json.dumps({"query": sys.argv[1], "variables": json.loads(sys.stdin.read())}))' "$operation" <<<"$variables" |
    curl --silent --show-error --max-time 30 "${headers[@]}" --data-binary @- "$URL")"
  local type
  type="$(pick __typename)"
  if [[ " $expected " != *" $type "* ]]; then
    echo "user error: $type: $(pick message)" >&2
    exit 1
  fi
  echo "$type"
}

# Print the current OTP of a TOTP secret (RFC 6238).
otp() {
  # This call is for oathtool of the OATH Toolkit. The program of the same name from PyPI has other options.
  if oathtool --totp --base32 "$1" 2>/dev/null | grep -x '[0-9]\{6\}'; then return; fi
  python3 -c '
import base64, hashlib, hmac, sys, time
mac = hmac.digest(base64.b32decode(sys.argv[1]), int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1)
start = mac[-1] & 15
number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
print(f"{number % 10**6:06}")' "$1"
}

echo "== Log in with the password alone"
send "$LOGIN" "$(json email="$EMAIL" password="$PASSWORD")" LoggedIn
SESSION_TOKEN="$(pick sessionToken)"

echo "== Activate 2FA"
send "$START_ACTIVATION" "$(json password="$PASSWORD")" TwoFactorActivation
ACTIVATION="$(pick activationId)"
KEY="$(pick key)"
send "$CONFIRM_OTP" "$(json activationId="$ACTIVATION" otp="$(otp "$KEY")")" "BackupCodesIssued TwoFactorActivated"
if [ "$(pick __typename)" = TwoFactorActivated ]; then
  echo "Backup codes are disabled for this company account. The script ends here."
  send "$DEACTIVATE" "$(json password="$PASSWORD")" TwoFactorDeactivated
  exit
fi
BACKUP_CODE="$(pick codes 0)"
send "$ACKNOWLEDGE_BACKUP_CODES" "$(json activationId="$ACTIVATION")" TwoFactorActivated
send "$LOGOUT" "{}" LoggedOut
SESSION_TOKEN=""

echo "== Log in with a backup code"
# An OTP also works, but only the next one: the activation used the current one.
send "$LOGIN" "$(json email="$EMAIL" password="$PASSWORD")" SecondFactorRequired
send "$VERIFY_LOGIN" "$(json challengeToken="$(pick challengeToken)" secondFactor.backupCode="$BACKUP_CODE")" LoggedIn
SESSION_TOKEN="$(pick sessionToken)"
echo "$(pick viewer twoFactor backupCodesRemaining) backup codes are left"

echo "== Deactivate 2FA"
send "$DEACTIVATE" "$(json password="$PASSWORD")" TwoFactorDeactivated
send "$LOGOUT" "{}" LoggedOut
