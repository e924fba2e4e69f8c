"""The bundled models on the samples: what a newcomer is offered, and what one click brings."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import average_precision, matching
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)


def segmented(name: str, model: str = "nuclei-fluo") -> SessionController:
    """Return a controller after a run on a sample, opened as the window opens it."""
    image, _ = load_sample(name)
    scale = None if image.scale is None else (1.0,) * image.axes.count("T") + tuple(image.scale)
    controller = SessionController(Session(), ImmediateExecutor())
    controller.set_image(
        ImageInput(image.data, name=name, spacing=scale, axes_hint=image.axes.lower())
    )
    controller.set_device("cpu")
    controller.set_model(model)
    controller.run()
    assert controller.session.error is None
    return controller


@pytest.mark.parametrize(
    "name", ["nuclei-field", "nuclei-small", "nuclei-large", "nuclei-timelapse"]
)
def test_good_results_raise_no_finding(name):
    step = segmented(name).session.next_step
    assert (step.action, step.link.startswith("Review")) == ("review", True)
    assert step.sentence == ""


def test_a_model_of_any_size_finds_cells_in_phase_contrast_by_itself():
    session = segmented("phase-contrast", "generic").session
    _, truth = load_sample("phase-contrast")
    assert session.diameter_source == "automatic"
    assert average_precision(truth, session.labels) > 0.3


def test_one_click_leads_from_fragments_to_cells_in_phase_contrast():
    controller = segmented("phase-contrast", "nuclei-fluo")
    _, truth = load_sample("phase-contrast")
    session = controller.session
    assert average_precision(truth, session.labels) < 0.1
    assert session.next_step.sentence.endswith("They look fragmented.")
    assert session.next_step.link == "Try cells-phase at 60 px"
    controller.guide.take(session.next_step)
    assert average_precision(truth, session.labels) > 0.5
    assert (session.model_source, session.diameter) == ("cells-phase", 60)
    assert session.next_step.action == "review"


def test_one_click_leads_from_planes_to_a_volume_with_every_nucleus():
    controller = segmented("embryo-3d")
    _, truth = load_sample("embryo-3d")
    session = controller.session
    assert (session.next_step.model, session.next_step.measure_diameter) == ("volume", True)
    controller.guide.take(session.next_step)
    assert session.diameter_source == "automatic"
    assert session.diameter == pytest.approx(16, abs=2)  # of the eight nuclei: 12.5 to 18.2
    assert matching(truth, session.labels).fn == 0  # the brightest one included
    assert session.next_step.action in ("review", "measure")
