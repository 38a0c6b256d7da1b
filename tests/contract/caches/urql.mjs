// urql with graphcache and the cache policies, used as the guide says.

import { Client, fetchExchange, gql } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { keys, possibleTypes, settings } from "./support.mjs";

export class Urql {
  constructor(connection) {
    this.connection = connection;
    this.screens = new Map();
    this.stored = [];
    this.newClient();
  }

  newClient() {
    const cache = cacheExchange({
      possibleTypes,
      keys: Object.fromEntries(Object.entries(keys).map(([type, key]) => [type, () => key])),
      storage: { writeData: async (delta) => this.stored.push(delta), readData: async () => ({}) },
    });
    const { fetch } = this.connection;
    const exchanges = [cache, fetchExchange];
    this.client = new Client({ url: settings.url, fetch, preferGetMethod: false, exchanges });
  }

  watch(name, document, variables) {
    const screen = { document, variables };
    screen.subscription = this.client.query(gql(document), variables).subscribe(({ data, stale }) => {
      screen.data = stale ? undefined : data;
    });
    this.screens.set(name, screen);
  }

  leave(name) {
    this.screens.get(name).subscription.unsubscribe();
    this.screens.delete(name);
  }

  refetch(name) {
    const { document, variables } = this.screens.get(name);
    return this.client.query(gql(document), variables, { requestPolicy: "network-only" }).toPromise();
  }

  async mutate(document, variables) {
    const { data, error } = await this.client.mutation(gql(document), variables).toPromise();
    if (error) throw error;
    return data;
  }

  mutateWithSecret(document, variables) {
    return this.mutate(document, variables);
  }

  async logIn(document, variables) {
    const data = await this.mutate(document, variables);
    this.connection.token = data.login.sessionToken;
    const screens = [...this.screens];
    for (const [name] of screens) this.leave(name);
    this.newClient();
    for (const [name, { document: query, variables: given }] of screens) this.watch(name, query, given);
  }

  get refetches() {
    return 0;
  }

  cached() {
    return JSON.stringify(this.stored);
  }
}
