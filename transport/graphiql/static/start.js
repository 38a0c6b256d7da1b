/** Starts GraphiQL with the flow of the API as its first tab. Its files make React, ReactDOM, GraphiQL and more global. */

async function start() {
  const [query, variables] = await Promise.all(
    ["flow.graphql", "variables.json"].map(async (name) => (await fetch(`/static/graphiql/own/${name}`)).text()),
  );
  const page = React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: [{ query }],
    variables,
    defaultEditorToolsVisibility: "variables",
    inputValueDeprecation: true,
    shouldPersistHeaders: false,
    // What is typed here is passwords and codes: it ends with the page.
    storage: forgetful(),
  });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(page);
}

/** Like `localStorage`, and gone when the page is left. */
function forgetful() {
  const kept = new Map();
  return {
    get length() {
      return kept.size;
    },
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
    clear: () => kept.clear(),
  };
}

start();
