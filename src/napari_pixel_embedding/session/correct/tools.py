"""The correction tools: names, tooltips and instructions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """One tool.

    Parameters
    ----------
    name, title : str
        Name in code, and text on its button.
    tooltip : str
        What it does.
    group : str
        What it changes: "Shape", "Outline", "State", or "" for nothing.
    hints : tuple of str
        Instruction for each number of clicks so far.
    drags : bool
        Whether a line can be drawn with it.
    """

    name: str
    title: str
    tooltip: str
    group: str
    hints: tuple[str, ...]
    drags: bool = False


TOOLS = (
    Tool(
        "merge",
        "Merge",
        "Merge several objects into one: click them one after another, or draw a line over them.",
        "Shape",
        (
            "Click the first object, or draw a line over all that belong together.",
            "Click an object to merge with it. Esc starts over.",
        ),
        drags=True,
    ),
    Tool(
        "split",
        "Split",
        "Split one object by its embedding: click a seed in each of its parts. A line drawn "
        "across it cuts it there.",
        "Shape",
        (
            "Click a seed in the first part, or draw a line across the object.",
            "Click a seed in the other part. With Shift more seeds can follow.",
        ),
        drags=True,
    ),
    Tool(
        "add",
        "Add",
        "Add a missed object: a click adds the connected pixels of similar embedding.",
        "Shape",
        ("Click in a missed object. Shift + wheel changes the similarity threshold.",),
    ),
    Tool(
        "delete",
        "Delete",
        "Delete an object: its pixels stay background.",
        "Shape",
        ("Click an object to delete it.",),
    ),
    Tool(
        "fill",
        "Fill",
        "Fill the holes of an object.",
        "Outline",
        ("Click an object with holes.",),
    ),
    Tool(
        "smooth",
        "Smooth",
        "Smooth the outline of an object.",
        "Outline",
        ("Click an object. Click again to smooth it more.",),
    ),
    Tool(
        "accept",
        "Accept",
        "Lock an object as it is: sliders and runs do not change it, fine-tuning learns from it.",
        "State",
        ("Click an object that is right.",),
    ),
    Tool(
        "unlock",
        "Unlock",
        "Let a corrected object, or a corrected piece of background, follow the clusters again.",
        "State",
        ("Click a corrected object.",),
    ),
    Tool(
        "compare",
        "Compare",
        "Measure the distance of two pixels in embedding space, and the smallest bandwidth at "
        "which they are one object.",
        "",
        ("Click the first pixel.", "Click the second pixel."),
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
