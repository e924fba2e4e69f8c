"""Choice of what separate pieces of one id are in masks to learn from."""

from __future__ import annotations

from napari_pixel_embedding._napari.widgets.choosers import Choice

ASK, SPLIT, KEEP = "Masks: check them first", "Every piece is an object", "Ids as they are"
_TOOLTIP = (
    "Binary masks have one id for all objects. Every piece: connected pieces become objects. Ids "
    "as they are: one id is one object, also where it lies in several pieces."
)


class MaskChoice(Choice):
    """Whether connected pieces of a mask are objects; by default masks are checked first."""

    def __init__(self) -> None:
        super().__init__(_TOOLTIP)
        self.refill([(ASK, ""), (SPLIT, "split"), (KEEP, "keep")], "")

    @property
    def split_masks(self) -> bool | None:
        """Whether every piece is an object; None where nothing was chosen."""
        chosen: str = self.currentData()
        return None if not chosen else chosen == "split"

    def show_choice(self, split_masks: bool | None) -> None:
        """Show a choice without emitting a signal."""
        shown = "" if split_masks is None else "split" if split_masks else "keep"
        self.setCurrentIndex(self.findData(shown))
