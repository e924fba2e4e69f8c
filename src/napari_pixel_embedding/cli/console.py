"""Console output: progress bars, lines that do not break them, and exit codes."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from napari_pixel_embedding.core.evaluation.comparison import score_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_pixel_embedding.core.evaluation.comparison import TuningReport
    from napari_pixel_embedding.core.evaluation.evaluate import Scores
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.training.train import TrainProgress

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; 2 is typer's for invalid arguments."""


def follow(run: Iterator[TrainProgress]) -> TrainProgress | None:
    """Show a training as a progress bar with losses and latest score; return its last step."""
    shown, state = None, None
    score = ""
    for state in run:
        if state.note:
            print_line(state.note)
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
    """Write the scores before and after a fine-tuning."""
    for name, part in (("held back", report.held_back), ("replay", report.replay)):
        if part is not None:
            before, after = part.before, part.after
            kinds = ("splits", "merges", "missed", "extra")
            errors = ", ".join(f"{k} {getattr(before, k)} → {getattr(after, k)}" for k in kinds)
            print_line(
                f"{name} ({after.objects} objects): AP@0.5 {score_text(before.ap50)} → "
                f"{score_text(after.ap50)}, "
                f"{errors}"
            )


def print_scores(scores: Scores) -> None:
    """Write the scores of an evaluation to stdout, a line for each."""
    for name, value in (
        ("images", scores.images),
        ("AP@0.5", score_text(scores.ap50)),
        ("AP@0.75", score_text(scores.ap75)),
        ("AP@0.5:0.95", score_text(scores.ap)),
        ("SBD", score_text(scores.sbd)),
        ("|DiC|", f"{scores.dic:.2f}"),
        ("PQ", score_text(scores.pq)),
        ("seconds an image", f"{scores.seconds:.2f}"),
    ):
        sys.stdout.write(f"{name:18}{value}\n")
    if math.isnan(scores.ap):
        print_line("None of the images has an annotated object, so there is no AP.")


def bar(items: Iterable[Any], unit: str, total: int) -> Iterable[Any]:
    """Show an iteration as a progress bar."""
    shown: Iterable[Any] = tqdm(items, total=total, unit=unit, file=sys.stderr)
    return shown


@contextmanager
def percent_bar(label: str) -> Iterator[Progress]:
    """Show a progress bar in percent; yields the function that reports the finished fraction."""
    # With a delay, an immediate failure leaves no empty bar.
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
