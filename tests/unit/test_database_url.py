"""The database URL and its parameters, with the names of libpq."""

import ssl
from pathlib import Path

import pytest
import trustme

from models.database_url import parse_database_url


@pytest.fixture(scope="module")
def root_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate of an authority."""
    path = tmp_path_factory.mktemp("certificates") / "root.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
def test_mode_is_passed_on(mode: str) -> None:
    """asyncpg has the same modes."""
    assert parse_database_url(f"postgres://u@db/n?sslmode={mode}", 1)["credentials"]["ssl"] == mode


@pytest.mark.parametrize(("mode", "checks_host"), [("require", False), ("verify-ca", False), ("verify-full", True)])
def test_root_certificates_are_used(root_certificates: Path, mode: str, checks_host: bool) -> None:  # noqa: FBT001
    """The certificate of the server is checked against them. Only `verify-full` checks the host name."""
    url = f"postgres://u@db/n?sslmode={mode}&sslrootcert={root_certificates}"
    context = parse_database_url(url, 1)["credentials"]["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is checks_host
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ("ssl_mode=verify-full", "unknown parameters: ssl_mode"),
        ("sslmode=verify_full", "sslmode must be one of"),
        ("sslmode=", "sslmode must be one of"),
        ("SSLMODE=require", "unknown parameters: SSLMODE"),
        ("sslmode=require&sslrootcert=/none", "sslrootcert is not a file"),
        ("ssl=true", "unknown parameters: ssl"),
    ],
)
def test_slip_is_rejected(parameters: str, problem: str) -> None:
    """Otherwise the connection would be less safe than the operator wanted. The message contains no password."""
    with pytest.raises(ValueError, match=problem) as error:
        parse_database_url(f"postgres://u:hidden@db/n?{parameters}", 1)

    assert "hidden" not in str(error.value)
