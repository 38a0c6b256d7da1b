#!/usr/bin/env bash
# The life of 2FA with curl: log in, activate, log in with a backup code, deactivate. Needs curl and Python 3, which reads
# JSON and makes OTPs; oathtool makes them where it is installed.
#
#   EMAIL=mia@acme.example PASSWORD=... ./flow.sh [URL]
set -euo pipefail

URL="${1:-http://127.0.0.1:8000/graphql}"
: "${EMAIL:?who signs in}" "${PASSWORD:?with which password}"
SESSION=""

LOGIN='mutation Login($email: String!, $password: String!) {
  login(email: $email, password: $password) {
    __typename
    ... on LoggedIn { sessionToken viewer { name twoFactor { state setupRequired } } }
    ... on SecondFactorRequired { challengeToken expiresAt methods }
    ... on UserError { message }
    ... on TooManyAttempts { retryAt }
  }
}'
VERIFY_LOGIN='mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
  verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
    __typename
    ... on LoggedIn { sessionToken session { secondFactor } viewer { twoFactor { backupCodesRemaining } } }
    ... on UserError { message }
    ... on WrongSecondFactor { attemptsRemaining }
    ... on TooManyAttempts { retryAt }
  }
}'
START_ACTIVATION='mutation StartActivation($password: String!) {
  startTwoFactorActivation(password: $password) {
    __typename
    ... on TwoFactorActivation { activationId key otpauthUri expiresAt }
    ... on UserError { message }
    ... on WrongPassword { attemptsRemaining }
    ... on TooManyAttempts { retryAt }
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
    ... on WrongPassword { attemptsRemaining }
  }
}'
LOGOUT='mutation Logout { logout { __typename sessionId } }'

# Writes a JSON object of KEY=VALUE pairs; a KEY with a dot makes an object within it.
json() {
  python3 -c '
import json, sys
made = {}
for pair in sys.argv[1:]:
    path, _, value = pair.partition("=")
    *outer, last = path.split(".")
    within = made
    for key in outer:
        within = within.setdefault(key, {})
    within[last] = value
print(json.dumps(made))' "$@"
}

# Picks a value out of the answer in $ANSWER: the answer of the root field is the start, each KEY leads further.
pick() {
  python3 -c '
import json, sys
answer = json.loads(sys.argv[1])
if "errors" in answer:
    sys.exit("error: " + json.dumps(answer["errors"]))
(found,) = answer["data"].values()
for key in sys.argv[2:]:
    found = found[int(key) if key.isdigit() else key]
print(found)' "$ANSWER" "$@"
}

# Sends an operation with its variables, and goes on only if the answer is one of the expected types.
send() {
  local operation="$1" variables="$2" expected="$3" headers=(-H 'Content-Type: application/json')
  if [ -n "$SESSION" ]; then headers+=(-H "Authorization: Bearer $SESSION"); fi
  # By standard input: arguments can be seen by everybody on the machine.
  ANSWER="$(python3 -c '
import json, sys
print(json.dumps({"query": sys.argv[1], "variables": json.loads(sys.stdin.read())}))' "$operation" <<<"$variables" |
    curl --silent --show-error --max-time 30 "${headers[@]}" --data-binary @- "$URL")"
  local type
  type="$(pick __typename)"
  if [[ " $expected " != *" $type "* ]]; then
    echo "refused: $type: $(pick message)" >&2
    exit 1
  fi
  echo "$type"
}

# What an authenticator app shows for a key (RFC 6238).
otp() {
  # The one of the OATH Toolkit: a program of this name from PyPI takes other options.
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
SESSION="$(pick sessionToken)"

echo "== Activate 2FA"
send "$START_ACTIVATION" "$(json password="$PASSWORD")" TwoFactorActivation
ACTIVATION="$(pick activationId)"
KEY="$(pick key)"
send "$CONFIRM_OTP" "$(json activationId="$ACTIVATION" otp="$(otp "$KEY")")" "BackupCodesIssued TwoFactorActivated"
if [ "$(pick __typename)" = TwoFactorActivated ]; then
  echo "Backup codes are off for this company account: that was all."
  send "$DEACTIVATE" "$(json password="$PASSWORD")" TwoFactorDeactivated
  exit
fi
BACKUP_CODE="$(pick codes 0)"
send "$ACKNOWLEDGE_BACKUP_CODES" "$(json activationId="$ACTIVATION")" TwoFactorActivated
send "$LOGOUT" "{}" LoggedOut
SESSION=""

echo "== Log in with a backup code"
# An OTP would do as well, the next one: the first was used up by the activation.
send "$LOGIN" "$(json email="$EMAIL" password="$PASSWORD")" SecondFactorRequired
send "$VERIFY_LOGIN" "$(json challengeToken="$(pick challengeToken)" secondFactor.backupCode="$BACKUP_CODE")" LoggedIn
SESSION="$(pick sessionToken)"
echo "$(pick viewer twoFactor backupCodesRemaining) backup codes are left"

echo "== Deactivate 2FA"
send "$DEACTIVATE" "$(json password="$PASSWORD")" TwoFactorDeactivated
send "$LOGOUT" "{}" LoggedOut
