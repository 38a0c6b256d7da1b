"""The page on which developers try queries."""

from starlette.responses import HTMLResponse, Response
from strawberry.http.ides import get_graphql_ide_html

# The page brings an inline script of its own, and loads the rest from where its template says.
CONTENT_SECURITY_POLICY = (
    "default-src 'self' https://unpkg.com; script-src 'self' 'unsafe-inline' 'unsafe-eval' https://unpkg.com; "
    "style-src 'self' 'unsafe-inline' https://unpkg.com; img-src 'self' data: https:; font-src 'self' data: https:; "
    "frame-ancestors 'none'"
)


def render_graphql_ide() -> Response:
    """The page of GraphiQL."""
    return HTMLResponse(
        get_graphql_ide_html(graphql_ide="graphiql"), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )
