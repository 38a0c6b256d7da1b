"""The reference frontend has a text for each value that a security event can have, in each language."""

import re
from pathlib import Path

import pytest

from accounts.enforcement import EnforcedFor
from mail.messages import LANGUAGES
from models import ChangedField, Role, SecondFactorMethod, SecurityEventContext, SecurityEventKind

STATIC = Path(__file__).parents[2] / "examples" / "web" / "static"
KEY = re.compile(r'^  "?([A-Za-z_.]+)"?: ', re.MULTILINE)


def keys_of_texts(language: str) -> set[str]:
    """Return the keys of the texts in a language."""
    return set(KEY.findall((STATIC / "texts" / f"{language}.js").read_text(encoding="utf-8")))


def block(name: str) -> str:
    """Return the source of a list or of an object of the timeline."""
    source = (STATIC / "pages" / "timeline.js").read_text(encoding="utf-8")
    found = re.search(rf"const {name} = [\[{{]\n(.*?)^[\]}}];", source, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_filter_offers_every_kind_once() -> None:
    """An admin who misses a kind in the list would believe that nothing of it happened."""
    offered = re.findall(r'"(\w+)"', block("EVENT_KINDS"))

    assert sorted(offered) == sorted(kind.value for kind in SecurityEventKind)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_every_factor_has_a_text(language: str) -> None:
    """For other values the page shows the name of the value, which is English."""
    wanted = {f"event.{kind}" for kind in SecurityEventKind} | {f"secondFactor.{each}" for each in SecondFactorMethod}

    assert wanted <= keys_of_texts(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_change_has_a_text(language: str) -> None:
    """The name of what changed, and the values of rules and roles."""
    fields = dict(re.findall(r'(\w+): "([^"]+)"', block("CHANGED_FIELDS")))

    assert fields.keys() == set(ChangedField.__members__)
    values = {"policy.true", "policy.false", "policy.noDate"}
    values |= {f"role.{role}" for role in Role} | {f"policy.{audience}" for audience in EnforcedFor}
    assert {*fields.values(), *values} <= keys_of_texts(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_contexts_name_values_of_the_schema(language: str) -> None:
    """A misspelt one would never be shown. A typo during the set-up is none of a login."""
    contexts = {tuple(key.split(".")[1:]) for key in keys_of_texts(language) if re.fullmatch(r"event\.\w+\.\w+", key)}

    assert contexts <= {(kind.value, during.value) for kind in SecurityEventKind for during in SecurityEventContext}
    assert ("SECOND_FACTOR_FAILED", "ACTIVATION") in contexts


def test_languages_have_the_same_texts() -> None:
    """A missing text would be shown as its key."""
    assert keys_of_texts("en") == keys_of_texts("de")
