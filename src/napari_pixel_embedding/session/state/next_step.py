"""What the user may do next: one sentence, and one thing that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_pixel_embedding.core.segmentation.segment import Method

Action = Literal["none", "run", "correct", "review", "fine_tune", "measure"]
"""What a click does: nothing, run again with the changes, or open a tab."""


@dataclass(frozen=True)
class NextStep:
    """The next step that is offered.

    Parameters
    ----------
    sentence : str
        What is the case, such as "They look fragmented."; may be empty.
    link : str
        Words of the link behind it, such as "Review 14 doubtful ones"; empty for none.
    action : str
        What a click on the link does; with "run", the fields below are chosen first.
    model : str, optional
        Name of the model to choose.
    diameter : float, optional
        Diameter of the objects to choose, in pixels of the image.
    measure_diameter : bool
        Whether the diameter is to be measured before the run.
    axes : str, optional
        Axes of the image to choose.
    method : str, optional
        Clustering method to choose.
    """

    sentence: str
    link: str = ""
    action: Action = "none"
    model: str | None = None
    diameter: float | None = None
    measure_diameter: bool = False
    axes: str | None = None
    method: Method | None = None
