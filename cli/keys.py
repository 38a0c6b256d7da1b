"""`countersign keys`: the encryption keys of TOTP secrets."""

import base64
import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from accounts.services import Services, utc_now
from cli.formatting import progress_bar
from cli.runner import INTERRUPTED, WRONG_USAGE, fail, run
from security.key_ring import KEY_BYTES, KEY_ID, DecryptionError
from settings import key_of
from twofactor import key_rotation
from twofactor.leaked_key import Leak, count_affected_users, reset_affected_users

SECRET_KEYS = key_of("secret_keys")

app = typer.Typer(
    name="keys", help="The keys that encrypt the secrets of authenticator apps in the database.", no_args_is_help=True
)


@app.command()
def generate(
    *,
    key_id: Annotated[str | None, typer.Option("--id", help="The id of the key. Default: today's date.")] = None,
) -> None:
    """Print a new key as ID:KEY.

    To rotate keys: 1. Add the new key at the end of COUNTERSIGN_SECRET_KEYS, after a comma, and restart every server.
    All servers can then decrypt with it. 2. Move it to the front and restart every server again. 3. Run `keys rotate`.
    """
    key_id = key_id if key_id is not None else utc_now().strftime("%Y-%m-%d")
    if not KEY_ID.fullmatch(key_id):
        fail("--id must be 1 to 32 ASCII letters, digits, dots, dashes or underscores.", WRONG_USAGE)
    typer.echo(f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}")


@app.command()
def rotate() -> None:
    """Re-encrypt every secret under the first key of COUNTERSIGN_SECRET_KEYS.

    First restart every server with the new order of keys. Otherwise a server still encrypts new secrets under an old
    key, and you have to repeat this command. The command works in small batches while servers run. You can stop and
    repeat it at any time.
    """
    try:
        run(_rotate)
    except KeyboardInterrupt:
        fail("Stopped. Finished batches are saved. Run the command again to continue.", INTERRUPTED)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key that has leaked.")],
    *,
    activated_before: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ"],
            help="Also reset users whose 2FA is older than this time in UTC. Use it if the key was rotated since.",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="The reason, for the audit log and the emails. At most 500 characters.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the number of users and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Reset the 2FA of each user whose secret is encrypted under a key that has leaked.

    Whoever has the key and a copy of the database can generate their OTPs, and `keys rotate` does not change that. Each
    user gets an email and sets up 2FA again. First add a new key in front and restart every server. The command works
    while servers run. You can stop and repeat it at any time.
    """
    leak = Leak(key_id, activated_before.replace(tzinfo=UTC) if activated_before else None)
    affected = run(lambda services: _count_affected(services, leak))
    if dry_run:
        typer.echo(f"{affected} users are affected. Nothing was changed.")
        return
    if not yes:
        typer.confirm(f"Reset the 2FA of {affected} users? This cannot be undone.", abort=True, err=True)
    try:
        run(lambda services: _revoke(services, leak, affected, reason))
    except KeyboardInterrupt:
        fail("Stopped. Finished resets are saved. Run the command again to continue.", INTERRUPTED)


async def _count_affected(services: Services, leak: Leak) -> int:
    if leak.key_id == services.key_ring.current_id:
        fail(
            f"{leak.key_id} is still the first key of {SECRET_KEYS}. Add a new key in front, restart every server, "
            "then run this command again."
        )
    return await count_affected_users(services, leak)


async def _revoke(services: Services, leak: Leak, affected: int, reason: str | None) -> None:
    done = 0
    with progress_bar() as bar:
        task = bar.add_task("Resetting 2FA", total=affected)
        async for count in reset_affected_users(services, leak, reason):
            done += count
            bar.advance(task, count)
    typer.echo(f"{done} users reset. If every server uses the new first key, remove {leak.key_id} from {SECRET_KEYS}.")


async def _rotate(services: Services) -> None:
    if missing := await key_rotation.missing_key_ids(services):
        fail(f"{SECRET_KEYS} lacks keys that encrypt secrets: {_listed(missing)}. Nothing was changed.")
    done = 0
    try:
        with progress_bar() as bar:
            task = bar.add_task("Re-encrypting", total=await key_rotation.count_under_old_keys(services))
            async for count in key_rotation.reencrypt_all(services):
                done += count
                bar.advance(task, count)
    except DecryptionError:
        fail(await _decryption_failure(services, done))
    remaining = await key_rotation.count_under_old_keys(services)
    current, *others = services.key_ring.keys
    typer.echo(f"{done} re-encrypted under {current}, {remaining} remaining.")
    if remaining:
        fail(
            "A server still encrypts under an old key. Restart every server with the new order of keys, then run this "
            "command again."
        )
    if others:
        typer.echo(
            f"If every server has used {current} as its first key since before this run, you may remove these keys "
            f"from {SECRET_KEYS}: {_listed(others)}"
        )


async def _decryption_failure(services: Services, done: int) -> str:
    missing = await key_rotation.missing_key_ids(services)
    remaining = await key_rotation.count_under_old_keys(services)
    cause = (
        f"{SECRET_KEYS} lacks a key: {_listed(missing)}"
        if missing
        else "either a key was replaced but kept its id, or something else changed the row (`user reset-2fa` lets its "
        "user set up 2FA again)"
    )
    return f"A secret cannot be decrypted: {cause}. {done} re-encrypted, {remaining} remaining. No secret was lost."


def _listed(key_ids: set[str] | list[str]) -> str:
    return ", ".join(sorted(key_ids))
