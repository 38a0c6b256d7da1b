/** A page to run operations on: pick one of those in the text, run it, read the answer. */

const [form, query, variables, operation, answer] = ["form", "query", "variables", "operation", "answer"].map((id) =>
  document.getElementById(id),
);

async function start() {
  [query.value, variables.value] = await Promise.all(
    ["flow.graphql", "variables.json"].map(async (name) => (await fetch(`/static/graphiql/own/${name}`)).text()),
  );
  query.addEventListener("input", listOperations);
  form.addEventListener("submit", run);
  listOperations();
}

/** Offers the operations of the text by their names. */
function listOperations() {
  const chosen = operation.value;
  const names = [...query.value.matchAll(/^\s*(?:query|mutation)\s+(\w+)/gm)].map(([, name]) => name);
  operation.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

/** @param {SubmitEvent} event */
async function run(event) {
  event.preventDefault();
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json;q=0.9" },
      body: JSON.stringify({
        query: query.value,
        operationName: operation.value || null,
        variables: JSON.parse(variables.value || "{}"),
      }),
    });
    answer.textContent = JSON.stringify(await response.json(), null, 2);
  } catch (error) {
    answer.textContent = String(error);
  }
}

start();
