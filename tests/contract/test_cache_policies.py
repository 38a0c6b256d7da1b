"""`cachePolicies.json`: how caches store the objects of queries. `tests/contract/caches/` uses it with real clients."""

import json
from pathlib import Path

from graphql import GraphQLObjectType

from schema.export import export_cache_policies
from tests.support.schema_elements import own_types, served_schema

FILE = Path(__file__).parents[2] / "cachePolicies.json"
POLICIES = json.loads(export_cache_policies())
# A cache cannot identify them in their lists. The guide tells clients to select the same fields in all queries.
ITEMS_WITHOUT_KEY = {"AuthenticatorApp", "SecurityEventChange", "SecurityEventEdge", "UserEdge"}


def test_committed_policies_match_the_schema() -> None:
    """`make schema` writes the file again."""
    assert FILE.read_text(encoding="utf-8") == export_cache_policies()


def test_two_selections_of_an_object_do_not_replace_each_other() -> None:
    """Each object of a query has an id, or is the only one, or is merged with what the object around it has."""
    policies = POLICIES["typePolicies"]
    merged = {name for name, policy in policies.items() if policy.get("merge") or "keyFields" in policy}

    assert POLICIES["keys"].keys() - merged == ITEMS_WITHOUT_KEY
    assert not POLICIES["keys"].keys() & {
        each.name for each in own_types(served_schema()) if isinstance(each, GraphQLObjectType) and "id" in each.fields
    }


def test_policies_of_two_factor_and_feature_flags() -> None:
    """`TwoFactor` belongs to its user. The viewer has one `FeatureFlags`, which a mutation returns too."""
    assert POLICIES["typePolicies"]["TwoFactor"] == {"merge": True}
    assert POLICIES["typePolicies"]["FeatureFlags"] == {"keyFields": []}
    assert (POLICIES["keys"]["TwoFactor"], POLICIES["keys"]["FeatureFlags"]) == (None, "viewer")


def test_results_of_mutations_have_no_policy() -> None:
    """Some of them contain secrets. Caches do not keep them."""
    assert not {"TwoFactorActivation", "BackupCodesIssued", "LoggedIn"} & (
        POLICIES["typePolicies"].keys() | POLICIES["keys"].keys()
    )


def test_a_newer_list_replaces_an_older_one() -> None:
    """Otherwise Apollo Client warns when a session ends."""
    assert POLICIES["typePolicies"]["User"] == {
        "fields": {name: {"merge": False} for name in ("authenticators", "devices", "sessions")}
    }
