// Apollo Client with the cache policies, used as the guide says.

import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { possibleTypes, settings, typePolicies } from "./support.mjs";

export class Apollo {
  constructor(connection) {
    this.connection = connection;
    this.screens = new Map();
    const cache = new InMemoryCache({ possibleTypes, typePolicies });
    this.client = new ApolloClient({ link: new HttpLink({ uri: settings.url, fetch: connection.fetch }), cache });
  }

  watch(name, document, variables) {
    const query = this.client.watchQuery({ query: gql(document), variables });
    const screen = { document, variables, query };
    screen.subscription = query.subscribe((result) => {
      screen.data = result.dataState === "complete" ? result.data : undefined;
    });
    this.screens.set(name, screen);
  }

  leave(name) {
    this.screens.get(name).subscription.unsubscribe();
    this.screens.delete(name);
  }

  refetch(name) {
    return this.screens.get(name).query.refetch();
  }

  async mutate(document, variables) {
    return (await this.client.mutate({ mutation: gql(document), variables })).data;
  }

  async mutateWithSecret(document, variables) {
    const refetchQueries = ({ data }) => (Object.values(data).some((result) => result?.viewer) ? "active" : []);
    const options = { mutation: gql(document), variables, fetchPolicy: "no-cache", refetchQueries };
    return (await this.client.mutate({ ...options, awaitRefetchQueries: true })).data;
  }

  async logIn(document, variables) {
    const mutation = gql(document);
    const { data } = await this.client.mutate({ mutation, variables, fetchPolicy: "no-cache" });
    this.connection.token = data.login.sessionToken;
    await this.client.resetStore();
  }

  // The requests after a mutation with a secret whose answer contains the viewer.
  get refetches() {
    return this.screens.size;
  }

  cached() {
    return JSON.stringify(this.client.cache.extract());
  }
}
