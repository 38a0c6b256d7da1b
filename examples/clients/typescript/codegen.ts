// Generate the types of every operation in src/ from the committed schema: `npm run codegen`.

import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../../../schema.graphql",
  documents: ["src/**/*.ts"],
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        // Generate documents as strings, so that the client needs no GraphQL library at run time.
        documentMode: "string",
        enumsAsTypes: true,
        scalars: { DateTime: "string" },
        useTypeImports: true,
      },
    },
  },
};

export default config;
