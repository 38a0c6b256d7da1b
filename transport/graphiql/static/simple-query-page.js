/** The simple query page: runs one of the operations in the text and shows the response. */

const [form, query, variables, operation, output] = ["form", "query", "variables", "operation", "response"].map((id) =>
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

/** Fills the select with the names of the operations in the text, and keeps the selection if possible. */
function listOperations() {
  const selected = operation.value;
  const names = [...query.value.matchAll(/^\s*(?:query|mutation)\s+(\w+)/gm)].map(([, name]) => name);
  operation.replaceChildren(...names.map((name) => new Option(name, name, false, name === selected)));
}

/** Sends the selected operation, and shows the response or the error. @param {SubmitEvent} event */
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
    output.textContent = JSON.stringify(await response.json(), null, 2);
  } catch (error) {
    output.textContent = String(error);
  }
}

start();
