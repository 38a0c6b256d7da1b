"""Developer tools: long-running attacks, the benchmark, and the download of GraphiQL."""
