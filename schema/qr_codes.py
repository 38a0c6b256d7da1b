"""The QR code of an authenticator that is being set up."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from collections.abc import Iterable
from typing import Annotated

import strawberry
from strawberry.types.nodes import SelectedField, Selection

import resolvers.qr_rendering
from resolvers import activation
from schema.costs import PNG_COST, SVG_COST
from schema.info import Info
from schema.type_mapping import maps_from


@maps_from(
    resolvers.qr_rendering.QrCode,
    description=(
        "The key of an activation as a QR code for the authenticator app, black on white with the quiet zone. Show it "
        "on a light background. Never log or cache it: anyone who scans it can generate the user's OTPs."
    ),
)
class QrCode:
    """A QR code."""

    @strawberry.field(
        description="A complete `<svg>` element to insert into a page as markup. It can be scaled.",
        metadata={"cost": SVG_COST},
    )
    async def svg(self, info: Info, code: strawberry.Parent[resolvers.qr_rendering.QrCode]) -> str:
        """The QR code as SVG."""
        return await activation.svg(info.context, code)

    @strawberry.field(
        description="The same image as a `data:image/svg+xml` URI, for the source of an image element.",
        metadata={"cost": SVG_COST},
    )
    async def svg_data_uri(self, info: Info, code: strawberry.Parent[resolvers.qr_rendering.QrCode]) -> str:
        """The QR code as SVG in a `data:` URI."""
        return await activation.svg_data_uri(info.context, code)

    @strawberry.field(
        description=(
            "A bitmap as a `data:image/png` URI, for native apps that cannot render SVG. The server renders it only if "
            "it is selected."
        ),
        metadata={"cost": PNG_COST},
    )
    async def png_data_uri(
        self,
        info: Info,
        code: strawberry.Parent[resolvers.qr_rendering.QrCode],
        scale: Annotated[
            int,
            strawberry.argument(
                description=(
                    "Width of each module of the QR code in pixels, from 1 to 20. With another number, the mutation "
                    "gives the error `BAD_USER_INPUT` and does nothing."
                )
            ),
        ] = 8,
    ) -> str:
        """The QR code as PNG in a `data:` URI."""
        return await activation.png_data_uri(info.context, code, scale)


def require_valid_scales(selections: Iterable[Selection]) -> None:
    """Check the scale of each QR code before the mutation runs.

    Raises:
        InvalidInputError: A scale is out of bounds.
    """
    for selection in selections:
        directives = selection.directives
        if directives.get("skip", {}).get("if") is True or directives.get("include", {}).get("if") is False:
            continue
        if isinstance(selection, SelectedField) and selection.arguments.get("scale") is not None:
            activation.require_valid_scale(int(selection.arguments["scale"]))
        require_valid_scales(selection.selections)
