/**
 * Starts GraphiQL with the example operations in its first tab. The downloaded files define the globals React, ReactDOM,
 * GraphiQL and GraphiQLPluginExplorer.
 */

async function start() {
  const [query, variables] = await Promise.all(
    ["flow.graphql", "variables.json"].map(async (name) => (await fetch(`/static/graphiql/own/${name}`)).text()),
  );
  const element = React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: [{ query }],
    variables,
    defaultEditorToolsVisibility: "variables",
    inputValueDeprecation: true,
    shouldPersistHeaders: false,
    // Users type passwords and OTPs here, so nothing is stored in the browser.
    storage: createMemoryStorage(),
  });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(element);
}

/** Creates a `Storage` in memory. Its content is lost when the user leaves the page. */
function createMemoryStorage() {
  const items = new Map();
  return {
    get length() {
      return items.size;
    },
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => items.set(name, value),
    removeItem: (name) => items.delete(name),
    clear: () => items.clear(),
  };
}

start();
