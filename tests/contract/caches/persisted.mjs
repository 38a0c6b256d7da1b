// Sends operations by their hashes: `node persisted.mjs SETTINGS CLIENT`. Prints what the client got and sent as JSON.

import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange, gql as urqlGql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { Connection, possibleTypes, settings, typePolicies } from "./support.mjs";

const sha256 = async (text) => createHash("sha256").update(text).digest("hex");
const connection = new Connection();
const { fetch } = connection;

// graphql-codegen adds the hash of a trusted document to the document.
function parsed(parse, { text, hash }) {
  const document = parse(text);
  if (hash) document.__meta__ = { hash };
  return document;
}

function apollo({ useGETForHashedQueries }) {
  const generateHash = settings.trusted ? async (document) => document.__meta__.hash : undefined;
  const persisted = new PersistedQueryLink({ sha256, generateHash, useGETForHashedQueries });
  const link = ApolloLink.from([persisted, new HttpLink({ uri: settings.url, fetch })]);
  const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes, typePolicies }) });
  return async ({ variables, isMutation, ...operation }) => {
    const document = parsed(gql, operation);
    const sent = isMutation
      ? client.mutate({ mutation: document, variables, fetchPolicy: "no-cache" })
      : client.query({ query: document, variables, fetchPolicy: "network-only" });
    try {
      return (await sent).data;
    } catch (error) {
      return CombinedGraphQLErrors.is(error) ? error.errors[0].message : String(error);
    }
  };
}

function urql({ get }) {
  const generateHash = settings.trusted ? async (_text, document) => document.__meta__.hash : undefined;
  const preferGetForPersistedQueries = get;
  const persisted = persistedExchange({ generateHash, enableForMutation: true, preferGetForPersistedQueries });
  const client = new Client({ url: settings.url, fetch, preferGetMethod: get, exchanges: [persisted, fetchExchange] });
  return async ({ variables, isMutation, ...operation }) => {
    const document = parsed(urqlGql, operation);
    const sent = isMutation ? client.mutation(document, variables) : client.query(document, variables);
    const { data, error } = await sent.toPromise();
    return error ? (error.graphQLErrors[0]?.message ?? String(error)) : data;
  };
}

const clients = {
  apollo: () => apollo({ useGETForHashedQueries: false }),
  "apollo-get": () => apollo({ useGETForHashedQueries: true }),
  urql: () => urql({ get: false }),
  "urql-get": () => urql({ get: "within-url-limit" }),
};
const run = clients[process.argv[3]]();
const results = [];
for (const operation of settings.operations) results.push(await run(operation));

const requests = connection.requests.map(({ url, method, body }) => {
  const parameters = body ? JSON.parse(body) : Object.fromEntries(new URL(url).searchParams);
  const extensions = method === "GET" ? JSON.parse(parameters.extensions ?? "{}") : parameters.extensions;
  return `${method}${parameters.query ? " text" : ""}${extensions?.persistedQuery ? " hash" : ""}`;
});
console.log(JSON.stringify({ results, requests }));
