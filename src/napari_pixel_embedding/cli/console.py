"""What the command line shows: progress bars, lines that do not break them, and exit codes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_pixel_embedding.core.evaluation.comparison import TuningReport
    from napari_pixel_embedding.core.evaluation.evaluate import Scores
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.training.train import TrainProgress

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
"""How a command ends: 2 is what typer says of arguments that do not fit."""


def follow(run: Iterator[TrainProgress]) -> TrainProgress | None:
    """Show a training as a bar with its losses and its latest score; return its last step."""
    shown, state = None, None
    score = ""
    for state in run:
        if state.validation_ap is not None:
            score = f" AP {state.validation_ap:.3f}"
        if state.step == 0:
            continue
        shown = shown or tqdm(
            total=state.steps, initial=state.step - 1, unit="step", file=sys.stderr
        )
        terms = ("total", "foreground", "distance", "intra", "inter")
        shown.set_postfix_str(" ".join(f"{t} {state.losses[t]:.3f}" for t in terms) + score, False)
        shown.update()
    if shown is not None:
        shown.close()
    return state


def print_report(report: TuningReport) -> None:
    """Write what a fine-tuning has changed, before and after."""
    for name, part in (("held back", report.held_back), ("not to forget", report.replay)):
        if part is not None:
            before, after = part.before, part.after
            kinds = ("splits", "merges", "missed", "extra")
            errors = ", ".join(f"{k} {getattr(before, k)} → {getattr(after, k)}" for k in kinds)
            print_line(
                f"{name} ({after.objects} objects): AP@0.5 {before.ap50:.3f} → {after.ap50:.3f}, "
                f"{errors}"
            )


def print_scores(scores: Scores) -> None:
    """Write what an evaluation found to stdout, a line for each measure."""
    for name, value in (
        ("images", scores.images),
        ("AP@0.5", f"{scores.ap50:.3f}"),
        ("AP@0.75", f"{scores.ap75:.3f}"),
        ("AP@0.5:0.95", f"{scores.ap:.3f}"),
        ("SBD", f"{scores.sbd:.3f}"),
        ("|DiC|", f"{scores.dic:.2f}"),
        ("PQ", f"{scores.pq:.3f}"),
        ("seconds an image", f"{scores.seconds:.2f}"),
    ):
        sys.stdout.write(f"{name:18}{value}\n")


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


def print_line(text: str) -> None:
    """Write a line to stderr without breaking a progress bar."""
    tqdm.write(text, file=sys.stderr)


def print_error(message: str) -> None:
    """Write what went wrong to stderr, in one line."""
    print_line(f"pixel-embedding: error: {' '.join(message.split())}")
