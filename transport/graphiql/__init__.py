"""The query page for developers: GraphiQL from downloaded files, or a simple page if those files are missing."""
