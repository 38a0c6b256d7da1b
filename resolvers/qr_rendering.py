"""Render QR codes outside the event loop: black on white with a quiet zone, for light and dark pages."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import segno

ResultT = TypeVar("ResultT")

# ISO/IEC 18004 §6.3.8: four modules of quiet zone.
QUIET_ZONE = 4
SVG_SCALE = 4
# In pixels per module. A larger image does not fit on a screen and takes long to render.
PNG_SCALE_MAX = 20


@dataclass(frozen=True)
class QrCode:
    """The QR code of a text. Each method is slow: call it with `QrRenderer.run`."""

    text: str = field(repr=False)

    @cached_property
    def _modules(self) -> segno.QRCode:
        # ISO/IEC 18004 §7.8 asks for the best of eight masks. The search for it is slow, so keep the result.
        return segno.make_qr(self.text, error="m")

    def svg(self) -> str:
        """Return a complete `<svg>` element."""
        return self._modules.svg_inline(scale=SVG_SCALE, border=QUIET_ZONE, dark="#000", light="#fff")

    def svg_data_uri(self) -> str:
        """Return the SVG image as a `data:` URI."""
        svg = self.svg()
        if "xmlns=" not in svg:
            # An inline element may omit the namespace; an image must have it.
            svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")

    def png_data_uri(self, scale: int) -> str:
        """Return a PNG image as a `data:` URI, with `scale` pixels for each module (1 to 20)."""
        return self._modules.png_data_uri(scale=scale, border=QUIET_ZONE, dark="#000", light="#fff")


class QrRenderer:
    """Renders one image at a time, in a thread.

    Rendering holds the interpreter's lock, so several threads would only block the event loop for longer. The hashing
    threads cannot do it: they have a low priority, and a thread that holds the lock must not wait for other processes.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="qr-rendering")

    async def run(self, render: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run a rendering function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, render, *arguments)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
