"""The tools on objects: their names, what they do, what to click next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """One tool.

    Parameters
    ----------
    name, title : str
        In code, and on its button.
    tooltip : str
        What it does.
    hints : tuple of str
        What to do next, by the number of things clicked so far.
    drags : bool
        Whether a line can be drawn with it.
    """

    name: str
    title: str
    tooltip: str
    hints: tuple[str, ...]
    drags: bool = False


TOOLS = (
    Tool(
        "merge",
        "Merge",
        "Make one object of several: click them one after another, or draw a line over them.",
        (
            "Click the first object, or draw a line over all that belong together.",
            "Click an object to merge with it. Esc begins anew.",
        ),
        drags=True,
    ),
    Tool(
        "split",
        "Split",
        "Split one object by its embedding: click a seed in each of its parts. A line that is "
        "drawn across it cuts it there.",
        (
            "Click a seed in the first part, or draw a line across the object.",
            "Click a seed in the other part. With Shift more seeds can follow.",
        ),
        drags=True,
    ),
    Tool(
        "add",
        "Add",
        "Add an object that was missed: a click takes the connected pixels like the one under "
        "the cursor.",
        ("Click in a missed object. Shift and the wheel set how like its pixels are.",),
    ),
    Tool(
        "delete",
        "Delete",
        "Make an object background for good.",
        ("Click an object to delete it.",),
    ),
    Tool(
        "fill",
        "Fill holes",
        "Fill the holes of an object.",
        ("Click an object with holes.",),
    ),
    Tool(
        "smooth",
        "Smooth",
        "Smooth the outline of an object.",
        ("Click an object. Click again to smooth it more.",),
    ),
    Tool(
        "accept",
        "Accept",
        "Lock an object as it is: sliders and runs do not change it, fine-tuning learns from it.",
        ("Click an object that is right.",),
    ),
    Tool(
        "unlock",
        "Unlock",
        "Let a corrected object, or a corrected piece of background, follow the clusters again.",
        ("Click a corrected object.",),
    ),
    Tool(
        "compare",
        "Compare",
        "Measure how far two pixels are from each other in embedding space, and from which "
        "bandwidth on they belong to one object.",
        ("Click the first pixel.", "Click the second pixel."),
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
