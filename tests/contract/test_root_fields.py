"""The fields of `Query` and `Mutation`: what they declare, and where a new one has to appear."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType

from schema.fields import Access, declared
from tests.support.schema_elements import access_of, mutation_fields, own_types, query_fields, results_of, served_schema
from tests.support.selections import user_errors
from tools import contract_files

API_TESTS = Path(__file__).parents[1] / "api"
FIELDS = query_fields() | mutation_fields()

# Without these, a user who has to set up 2FA could neither do that nor log out. A field that is added here is open to
# an attacker who has the password of such a user, or to everybody.
OPEN_BEFORE_SETUP = {
    "viewer",
    "featureFlags",
    "authenticatorApps",
    "login",
    "verifyLogin",
    "startTwoFactorActivation",
    "confirmOtp",
    "acknowledgeBackupCodes",
    "logout",
}
PUBLIC = {"viewer", "authenticatorApps", "login", "verifyLogin", "logout"}


@pytest.mark.parametrize("name", FIELDS)
def test_field_declares_who_may_call_it(name: str) -> None:
    """`schema.fields` declares the fields, and so the server checks the access before a resolver runs."""
    assert declared(FIELDS[name]).keys() >= {"access", "uses_attempt"}


def test_few_fields_are_open_before_the_setup_of_2fa() -> None:
    """Every other field needs a session of a user who has set up 2FA, if that is required."""
    assert {name for name, field in FIELDS.items() if access_of(field) is Access.ANYONE} == PUBLIC
    assert {
        name for name, field in FIELDS.items() if access_of(field) in {Access.ANYONE, Access.VIEWER}
    } == OPEN_BEFORE_SETUP


@pytest.mark.parametrize("name", FIELDS)
def test_description_says_whether_the_field_is_for_admins(name: str) -> None:
    """Clients read it there, and a change of the access needs a change of the contract."""
    description = FIELDS[name].description or ""

    assert description.startswith("For admins: ") == (access_of(FIELDS[name]) is Access.ADMIN)


def test_guide_has_the_current_table_of_permissions() -> None:
    """`make schema` writes it again."""
    page = contract_files.PERMISSIONS_PAGE.read_text(encoding="utf-8")

    assert page == contract_files.with_permissions(page)


@pytest.mark.parametrize("name", mutation_fields())
def test_mutation_has_its_own_tests(name: str) -> None:
    """The tests of `changePassword` are in `tests/api/test_change_password.py`."""
    snake_case = re.sub(r"(?=[A-Z])", "_", name).lower()

    assert (API_TESTS / f"test_{snake_case}.py").is_file()


# They change nothing that a page shows: no session has started, 2FA is not active yet, or nobody is logged in any more.
RESULTS_WITHOUT_VIEWER = {"SecondFactorRequired", "TwoFactorActivation", "BackupCodesIssued", "LoggedOut"}


def test_every_result_of_a_mutation_contains_the_viewer() -> None:
    """A mutation answers with everything that it changed. Every change can also use up a backup code of the viewer."""
    results = {name for field in mutation_fields().values() for name in results_of(field)} - user_errors()
    objects = (each for each in own_types(served_schema()) if isinstance(each, GraphQLObjectType))

    assert results - {each.name for each in objects if "viewer" in each.fields} == RESULTS_WITHOUT_VIEWER
