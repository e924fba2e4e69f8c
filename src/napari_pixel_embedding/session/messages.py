"""Messages for the user: what went wrong, and what was saved."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session

CHANGED = "The image has changed since the run: press Run again. Corrections are kept."
REMOVED = "The image was removed: choose another one under Image, then press Run."
NO_IMAGE = (
    "Nothing to segment: expected an image layer, found none. "
    "Open an image, choose it under Image, then press Run."
)
NO_MODEL = "No model: expected a bundled name or a file. Choose a model."
LEFT_OUT = (
    "“{}” now has the shape {}: the corrections belong to another shape and were left out. "
    "The labels layer that shows them stays."
)

_logger = logging.getLogger(__name__)
_EXPECTED = (ValueError, OSError, FloatingPointError)
"""Errors whose text is written for the user; any other is a defect and is logged in full."""


class Messages:
    """Writes ``session.error`` so that its event fires even for a repeated message.

    Parameters
    ----------
    session : Session
        Its error and status are written.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def clear(self) -> None:
        """Clear the last error: the user has started something else."""
        self._session.error = None

    def refuse(self, message: str) -> None:
        """Report what was expected, what was found, and what to do."""
        self._session.error = None
        self._session.error = message

    def fail(self, doing: str, error: Exception) -> None:
        """Report the error that ended an operation."""
        message = str(error)
        if isinstance(error, MemoryError):
            message = f"Not enough memory for {doing}: crop the image, or close other programs."
        elif not isinstance(error, _EXPECTED):
            _logger.error("unexpected error while %s", doing, exc_info=error)
            message = f"Unexpected error while {doing}: {type(error).__name__}: {error}"
        self.refuse(message)

    def save(self, what: str, path: Any, write: Callable[[], Any]) -> bool:
        """Call ``write`` and report that ``what`` is saved, or why it is not.

        Returns
        -------
        bool
            Whether it was written.
        """
        try:
            write()
        except Exception as error:
            self.fail(f"saving the {what}", error)
            return False
        self._session.status = f"Saved the {what} as {path}."
        return True


def empty_message(image: ImageInput) -> str:
    """Return the message for an image without pixels."""
    return f"“{image.name}” has no pixels: expected at least one, found shape {image.shape}."


def stopped_message(how: str, work: Sequence[str]) -> str:
    """Return a sentence about work that was stopped; empty for none.

    Examples
    --------
    >>> stopped_message("removed", ["the run", "fine-tuning"])
    'The image was removed: the run and fine-tuning were stopped.'
    """
    if not work:
        return ""
    return (
        f"The image was {how}: {' and '.join(work)} {'was' if len(work) == 1 else 'were'} stopped."
    )
