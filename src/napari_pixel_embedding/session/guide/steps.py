"""The next step: a pure function of what the session holds and what the look has found.

It does not say how many objects there are: the window does, in the line above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.session.state.next_step import NextStep

if TYPE_CHECKING:
    from napari_pixel_embedding.core.inference.trial import Candidate
    from napari_pixel_embedding.session.guide.look import ResultLook
    from napari_pixel_embedding.session.state.results import EarlierRun
    from napari_pixel_embedding.session.state.session import Session

_MEASURE = "Measure them"
_WRONG = {
    "fragments": "They look fragmented.",
    "blobs": "They look merged.",
    "small": "They are far smaller than the model expects.",
    "doubtful": "The model is not sure of them.",
    "everything": "One covers nearly the whole image.",
    "nothing": "",
    "planes": "The stack was taken plane by plane.",
}


def next_step(session: Session, look: ResultLook | None) -> NextStep:
    """Return what the user may do next.

    Parameters
    ----------
    session : Session
        Read, not written.
    look : ResultLook, optional
        What the look at the present result has found; None while there is none.
    """
    if session.running:
        name = "image" if session.image is None else f"image “{session.image.name}”"
        return NextStep(f"The {name} is being segmented.")
    if session.image is None:
        return NextStep("Choose an image and a model, then press Run.")
    if session.outdated:
        return NextStep(session.outdated)
    if session.labels is None and session.earlier_run is not None:
        return _of_earlier_run(session.image.name, session.earlier_run)
    if session.labels is None:
        return NextStep(f"Press Run to segment “{session.image.name}”.")
    return _of_tuning(session) or _of_result(session, look)


def _of_earlier_run(image: str, run: EarlierRun) -> NextStep:
    sentence = f"They were made when “{image}” was called “{run.image}”." * (image != run.image)
    if run.model_source:
        return NextStep(sentence, "Run to make the sliders live", "run")
    what = f"The model “{run.model}” is gone" if run.model else "Their model is not known"
    choose = f"{what}: choose one, then press Run to make the sliders live."
    return NextStep(f"{sentence} {choose}".strip())


def _of_tuning(session: Session) -> NextStep | None:
    if session.tuning:
        return NextStep("Fine-tuning is under way.", "See how it goes", "fine_tune")
    if session.tuned_model is not None:
        report = session.tuning_report
        verdict = "The tuned model is ready." if report is None else report.verdict()
        return NextStep(verdict, "See the comparison", "fine_tune")
    if session.parent_model is not None and session.model is session.model_source:
        return NextStep("They are the tuned model's.", _MEASURE, "measure")
    return None


def _of_result(session: Session, look: ResultLook | None) -> NextStep:
    if session.locked_count:
        several = "s" * (session.locked_count > 1)
        link = f"Fine-tune on {session.locked_count:,} corrected object{several}"
        return NextStep("", link, "fine_tune")
    if look is None:
        return NextStep("")
    if look.finding is not None:
        return _of_finding(session, _WRONG[look.finding], look)
    return _review(session, "", look)


def _review(session: Session, sentence: str, look: ResultLook) -> NextStep:
    if session.object_count == 0:
        return NextStep(sentence)
    number = min(look.doubtful, session.object_count)
    if number == 0:
        return NextStep(sentence, _MEASURE, "measure")
    link = "Review the doubtful one" if number == 1 else f"Review {number:,} doubtful ones"
    return NextStep(sentence, link, "review")


def _of_finding(session: Session, sentence: str, look: ResultLook) -> NextStep:
    if look.better is not None:
        return _better(sentence, look.better, volume=look.finding == "planes")
    if look.finding == "planes" or session.object_count == 0:
        return _review(session, sentence, look)
    return NextStep(sentence, "Correct a few, then fine-tune", "correct")


def _better(sentence: str, better: Candidate, *, volume: bool) -> NextStep:
    model, diameter = better.model, better.diameter
    if volume:
        link = f"Run the model {model} with the diameter measured"
        return NextStep(sentence, link, "run", model, measure_diameter=True)
    return NextStep(sentence, f"Try {model} at {diameter:.0f} px", "run", model, diameter)
