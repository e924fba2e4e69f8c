"""What the command line shows while it works: progress bars, and lines that do not break them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.training import TrainProgress


def follow(run: Iterator[TrainProgress]) -> None:
    """Show a training as a bar with its losses and its latest score."""
    shown = None
    score = ""
    for state in run:
        shown = shown or tqdm(
            total=state.steps, initial=state.step - 1, unit="step", file=sys.stderr
        )
        if state.validation_ap is not None:
            score = f" AP {state.validation_ap:.3f}"
        terms = ("total", "foreground", "distance", "intra", "inter")
        shown.set_postfix_str(" ".join(f"{t} {state.losses[t]:.3f}" for t in terms) + score, False)
        shown.update()
    if shown is not None:
        shown.close()


def bar(items: Iterable[Any], unit: str, total: int) -> Iterable[Any]:
    """Show how far an iteration is."""
    shown: Iterable[Any] = tqdm(items, total=total, unit=unit, file=sys.stderr)
    return shown


@contextmanager
def percent_bar(label: str) -> Iterator[Progress]:
    """Show a finished fraction, which the caller reports to the function it is given."""
    # With a delay, what fails at once leaves no empty bar behind.
    with tqdm(total=100, desc=label, unit="%", file=sys.stderr, delay=0.01) as shown:

        def show(fraction: float) -> None:
            shown.update(round(100 * fraction) - shown.n)

        yield show


def say(text: str) -> None:
    """Write a line to stderr without breaking a progress bar."""
    tqdm.write(text, file=sys.stderr)
