"""Build the schema of a server from its introspection with an older graphql-core.

`PYTHONPATH=FOLDER_OF_GRAPHQL_CORE python check.py URL SDL_FILE <documents.json`. It tries each option of the
introspection query alone, and all the others. It validates the documents of the standard input, a JSON array.
"""

import itertools
import json
import sys
import urllib.request
from pathlib import Path

import graphql

OPTIONS = (
    "descriptions", "specified_by_url", "directive_is_repeatable", "schema_description", "input_value_deprecation",
    "input_object_one_of",
)  # fmt: skip


def client_schema(url: str, options: dict[str, bool]) -> graphql.GraphQLSchema:
    """Return the schema that a client builds."""
    body = json.dumps({"query": graphql.get_introspection_query(**options)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310  # of this test
    with urllib.request.urlopen(request) as response:  # noqa: S310  # of this test
        answer = json.load(response)
    schema = graphql.build_client_schema(answer["data"])
    graphql.assert_valid_schema(schema)
    return schema


def sorted_sdl(schema: graphql.GraphQLSchema) -> str:
    """Return the text of a schema in an order that does not depend on its source."""
    return graphql.print_schema(graphql.lexicographic_sort_schema(schema))


def main(url: str, sdl_file: str) -> None:
    """Check everything. An exception ends the process with 1."""
    for others, changed in itertools.product((False, True), (*OPTIONS, "")):
        # The last one has all options.
        schema = client_schema(url, {name: (name == changed) != others for name in OPTIONS})
    assert sorted_sdl(schema) == sorted_sdl(graphql.build_schema(Path(sdl_file).read_text(encoding="utf-8")))
    documents = json.load(sys.stdin)
    for document in documents:
        assert graphql.validate(schema, graphql.parse(document)) == [], document
    sys.stdout.write(f"graphql-core {graphql.version}: {len(documents)} documents\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
