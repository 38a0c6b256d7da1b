"""The page on which developers try queries: GraphiQL from files that are fetched once, or a small page of our own."""
