"""How a session tells people what went wrong."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session

_logger = logging.getLogger(__name__)
_EXPECTED = (ValueError, OSError, FloatingPointError)
"""Errors whose text is written for the user; any other is a defect and is logged in full."""


class Messages:
    """Writes ``session.error``, so that every message is news, also the second time.

    Parameters
    ----------
    session : Session
        Whose error is written.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def clear(self) -> None:
        """Forget the last error: the user has begun something else."""
        self._session.error = None

    def refuse(self, message: str) -> None:
        """Say what was expected, what was found, and what to do."""
        self._session.error = None
        self._session.error = message

    def fail(self, doing: str, error: Exception) -> None:
        """Say that an error ended what was being done."""
        message = str(error)
        if isinstance(error, MemoryError):
            message = f"Not enough memory for {doing}: crop the image, or close other programs."
        elif not isinstance(error, _EXPECTED):
            _logger.error("unexpected error while %s", doing, exc_info=error)
            message = f"Unexpected error while {doing}: {type(error).__name__}: {error}"
        self.refuse(message)


def empty_message(image: ImageInput) -> str:
    """Say why an image without pixels is not taken."""
    return f"“{image.name}” has no pixels: expected at least one, found shape {image.shape}."
