"""`node`: returns an object by its id, for clients that refetch by id alone."""

import models
from tests.api.conftest import ClientFactory
from tests.support.api_users import ApiUser, log_in
from tests.support.operations import NODE

IDS = "query Ids { viewer { id company { id } sessions { id } securityEvents { nodes { id } } } }"


async def ids_of(api_user: ApiUser) -> dict[str, str]:
    """Return an id of each type from the data of the viewer."""
    viewer = await api_user.client.execute_one(IDS)
    return {
        "User": viewer["id"],
        "Company": viewer["company"]["id"],
        "Session": viewer["sessions"][0]["id"],
        "SecurityEvent": viewer["securityEvents"]["nodes"][0]["id"],
    }


async def test_finds_the_viewers_own_objects(logged_in_member: ApiUser) -> None:
    """It returns a user, a company account, a session and an event with their own types."""
    own = {"email": logged_in_member.user.email, "name": "Acme", "current": True, "kind": "LOGIN_SUCCEEDED"}

    for (type_name, thing_id), (field, value) in zip(
        (await ids_of(logged_in_member)).items(), own.items(), strict=True
    ):
        assert await logged_in_member.client.execute_one(NODE, id=thing_id) == {
            "__typename": type_name,
            "id": thing_id,
            field: value,
        }


async def test_admin_finds_users_and_events_but_no_sessions(
    logged_in_member: ApiUser, logged_in_admin: ApiUser
) -> None:
    """Only their user can read sessions."""
    found = {
        name: (await logged_in_admin.client.data(NODE, {"id": i}))["node"]
        for name, i in (await ids_of(logged_in_member)).items()
    }

    assert {name for name, thing in found.items() if thing} == {"User", "Company", "SecurityEvent"}


async def test_member_finds_no_objects_of_another_user(logged_in_member: ApiUser, logged_in_admin: ApiUser) -> None:
    """The company account is an exception, because it is the member's own too."""
    found = {
        name: (await logged_in_member.client.data(NODE, {"id": i}))["node"]
        for name, i in (await ids_of(logged_in_admin)).items()
    }

    assert {name for name, thing in found.items() if thing} == {"Company"}


async def test_returns_null_for_any_other_id(
    logged_in_member: ApiUser, other_company_admin: models.User, new_client: ClientFactory
) -> None:
    """The result is the same for another company's id, an unknown id and a malformed id."""
    other_admin = await log_in(new_client(), other_company_admin)
    own = (await ids_of(logged_in_member))["User"]
    wrong = [*(await ids_of(other_admin)).values(), f"user_{'0' * 32}", own.upper(), f"{own} ", "", "user_", "x" * 5000]

    for thing_id in wrong:
        assert await logged_in_member.client.data(NODE, {"id": thing_id}) == {"node": None}, thing_id
