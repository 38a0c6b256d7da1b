"""`countersign keys`: the keys that seal the secrets of authenticator apps."""

import base64
import secrets
from typing import Annotated

import typer

from cli.output import progress_bar
from cli.running import INTERRUPTED, WRONG_USAGE, fail, run
from settings import key_of
from twofactor import upkeep
from twofactor.environment import Environment, utc_now
from twofactor.rules.sealing import KEY_BYTES, KEY_ID, UnsealingFailed

SECRET_KEYS = key_of("secret_keys")

app = typer.Typer(
    name="keys", help="The keys that seal the secrets of authenticator apps in the database.", no_args_is_help=True
)


@app.command()
def generate(
    *,
    key_id: Annotated[str | None, typer.Option("--id", help="The name of the key; else today's date.")] = None,
) -> None:
    """Print a new key as ID:KEY.

    To rotate, add it to COUNTERSIGN_SECRET_KEYS after a comma at the end, and restart every server, so that all can
    read what it seals; move it to the front and restart again; then run `keys rotate`.
    """
    key_id = key_id if key_id is not None else utc_now().strftime("%Y-%m-%d")
    if not KEY_ID.fullmatch(key_id):
        fail("--id must be 1 to 32 ASCII letters, digits, dots, dashes or underscores.", WRONG_USAGE)
    typer.echo(f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}")


@app.command()
def rotate() -> None:
    """Seal every secret anew under the first key of COUNTERSIGN_SECRET_KEYS.

    Runs beside the server, in small batches; can be stopped and repeated at any time. Restart every server with the new
    order of keys first, for a server that still seals under an old key makes more to rotate.
    """
    try:
        run(_rotate)
    except KeyboardInterrupt:
        fail("Stopped. What is done stays done; run it again to go on.", INTERRUPTED)


async def _rotate(env: Environment) -> None:
    if missing := await upkeep.unknown_keys(env):
        fail(f"Secrets are sealed under keys that are not in {SECRET_KEYS}: {_listed(missing)}. Nothing was changed.")
    done = 0
    try:
        with progress_bar() as bar:
            task = bar.add_task("Sealing anew", total=await upkeep.sealed_under_other_keys(env))
            async for count in upkeep.reseal_all(env):
                done += count
                bar.advance(task, count)
    except UnsealingFailed:
        fail(await _why_it_stopped(env, done))
    remaining = await upkeep.sealed_under_other_keys(env)
    current, *others = env.key_ring.keys
    typer.echo(f"{done} sealed anew under {current}, {remaining} remaining.")
    if remaining:
        fail("A server still seals under an old key: restart every server with the new order of keys, and repeat this.")
    if others:
        typer.echo(
            f"Once every server runs with {current} as its first key and this has been run again, these may be dropped "
            f"from {SECRET_KEYS}: {_listed(others)}"
        )


async def _why_it_stopped(env: Environment, done: int) -> str:
    missing = await upkeep.unknown_keys(env)
    remaining = await upkeep.sealed_under_other_keys(env)
    cause = (
        f"a key is not in {SECRET_KEYS}: {_listed(missing)}"
        if missing
        else "either a key was replaced under its old name, or the row was changed by another hand (`user reset-2fa` "
        "lets its user begin anew)"
    )
    return f"A secret cannot be unsealed: {cause}. {done} sealed anew, {remaining} remaining; nothing is lost."


def _listed(key_ids: set[str] | list[str]) -> str:
    return ", ".join(sorted(key_ids))
