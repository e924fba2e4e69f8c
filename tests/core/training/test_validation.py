"""The score by which a training chooses its best model."""

import numpy as np
import pytest

from napari_pixel_embedding.core.training import validation
from napari_pixel_embedding.core.training.validation import ap_validation


@pytest.fixture
def segmented(monkeypatch):
    """Replace the segmentation by given label images; remember what it was asked."""

    def make(labels):
        answers, asked = iter(labels), []

        def fake(image, model, **options):
            asked.append((image, model, options))
            return next(answers), ()

        monkeypatch.setattr(validation, "segment_and_tell", fake)
        return asked

    return make


def test_validation_is_the_mean_over_thresholds(discs, segmented):
    image, labels = discs()
    halves = np.where(labels > labels.max() // 2, labels, 0)
    segmented([labels, halves])
    validate = ap_validation([image, image], [labels, labels])
    kept = np.unique(halves[halves > 0]).size / np.unique(labels[labels > 0]).size
    assert validate("model") == pytest.approx((1 + kept) / 2)


def test_images_without_objects_count_among_others_but_alone_give_no_score(discs, segmented):
    image, labels = discs()
    nothing = np.zeros_like(labels)
    segmented([labels, nothing])
    assert ap_validation([image, image], [labels, nothing])("model") == 1
    assert ap_validation([image], [nothing])("model") is None
    assert ap_validation([], [])("model") is None
