// Builds the schema of a server from its introspection with one version of graphql-js:
// `node check.mjs PACKAGE URL SDL_FILE <documents.json`. It tries each option of the introspection query alone, and all the others.
// It validates the documents of the standard input, a JSON array. Exits with 1 if anything fails.

import { readFileSync } from "node:fs";

const [packageName, url, sdlFile] = process.argv.slice(2);
const graphql = await import(packageName);
const OPTIONS = [
  "descriptions", "specifiedByUrl", "directiveIsRepeatable", "schemaDescription", "inputValueDeprecation",
  "experimentalDirectiveDeprecation", "oneOf",
];

const sorted = (schema) => graphql.printSchema(graphql.lexicographicSortSchema(schema));

async function clientSchema(options) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: graphql.getIntrospectionQuery(options) }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${JSON.stringify(options)}: ${JSON.stringify(errors)}`);
  const schema = graphql.buildClientSchema(data);
  graphql.assertValidSchema(schema);
  return schema;
}

let schema;
for (const others of [false, true]) {
  for (const changed of [...OPTIONS, ""]) {
    // The last one has all options.
    schema = await clientSchema(Object.fromEntries(OPTIONS.map((name) => [name, (name === changed) !== others])));
  }
}
if (sorted(schema) !== sorted(graphql.buildSchema(readFileSync(sdlFile, "utf-8")))) {
  throw new Error("The introspection differs from the file.");
}
const documents = JSON.parse(readFileSync(0, "utf-8"));
for (const document of documents) {
  const errors = graphql.validate(schema, graphql.parse(document));
  if (errors.length > 0) throw new Error(`${document}\n${errors.join("\n")}`);
}
console.log(`graphql-js ${graphql.version}: ${documents.length} documents`);
