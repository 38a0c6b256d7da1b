"""`countersign keys`: the encryption keys of TOTP secrets."""

import base64
import secrets
from typing import Annotated

import typer

from accounts.services import Services, utc_now
from cli.formatting import progress_bar
from cli.runner import INTERRUPTED, WRONG_USAGE, fail, run
from security.key_ring import KEY_BYTES, KEY_ID, DecryptionError
from settings import key_of
from twofactor import key_rotation

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
