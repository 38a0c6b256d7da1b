"""`node`: one thing again by its id, for clients that refetch by id alone."""

import models
from tests.api.steps import Connect, Person, outcome, sign_in

NODE = """
    query Node($id: ID!) {
        node(id: $id) {
            __typename
            id
            ... on User { email }
            ... on Company { name }
            ... on Session { current }
            ... on SecurityEvent { kind }
        }
    }"""
IDS = "query Ids { viewer { id company { id } sessions { id } securityEvents { nodes { id } } } }"


async def ids_of(person: Person) -> dict[str, str]:
    """An id of each type, of what a user sees of themselves."""
    viewer = await outcome(person.device, IDS)
    return {
        "User": viewer["id"],
        "Company": viewer["company"]["id"],
        "Session": viewer["sessions"][0]["id"],
        "SecurityEvent": viewer["securityEvents"]["nodes"][0]["id"],
    }


async def test_finds_whatever_the_viewer_sees_of_themselves(mia: Person) -> None:
    """A user, a company account, a session and an event, each as its own type."""
    own = {"email": mia.user.email, "name": "Acme", "current": True, "kind": "LOGIN_SUCCEEDED"}

    for (type_name, thing_id), (field, value) in zip((await ids_of(mia)).items(), own.items(), strict=True):
        assert await outcome(mia.device, NODE, id=thing_id) == {
            "__typename": type_name,
            "id": thing_id,
            field: value,
        }


async def test_an_admin_finds_users_and_events_but_no_sessions(mia: Person, ada: Person) -> None:
    """As everywhere: sessions are their user's own."""
    found = {name: (await ada.device.data(NODE, {"id": i}))["node"] for name, i in (await ids_of(mia)).items()}

    assert {name for name, thing in found.items() if thing} == {"User", "Company", "SecurityEvent"}


async def test_a_member_finds_nothing_of_another_user(mia: Person, ada: Person) -> None:
    """The company account is theirs too; the rest is like nothing."""
    found = {name: (await mia.device.data(NODE, {"id": i}))["node"] for name, i in (await ids_of(ada)).items()}

    assert {name for name, thing in found.items() if thing} == {"Company"}


async def test_anything_else_is_null(mia: Person, stranger: models.User, connect: Connect) -> None:
    """Ids of another company account, of nothing, in another spelling and nonsense cannot be told apart."""
    stella = Person(stranger, connect())
    await sign_in(stella.device, stranger)
    own = (await ids_of(mia))["User"]
    wrong = [*(await ids_of(stella)).values(), f"user_{'0' * 32}", own.upper(), f"{own} ", "", "user_", "x" * 5000]

    for thing_id in wrong:
        assert await mia.device.data(NODE, {"id": thing_id}) == {"node": None}, thing_id
