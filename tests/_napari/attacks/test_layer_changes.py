"""Layers are deleted, renamed, moved or replaced while something is being computed for them."""

from __future__ import annotations

import numpy as np
import pytest

from tests._napari.attacks.conftest import BYSTANDER, WORKS


def delete(window, layer):
    window.viewer.layers.remove(layer)


def rename(window, layer):
    layer.name, window.mine.name = "renamed", layer.name


def reorder(window, layer):
    window.viewer.layers.move(window.viewer.layers.index(layer), len(window.viewer.layers))
    window.viewer.layers.reverse()


def replace_data(window, layer):
    layer.data = np.roll(np.asarray(layer.data), 5, axis=0)


def replace_shape(window, layer):
    layer.data = np.ascontiguousarray(np.asarray(layer.data)[:40, :50])


def impostor(window, layer):
    """Another layer takes the place and the name of the one that goes."""
    name, data = layer.name, np.full(window.image.shape, BYSTANDER, np.uint16)
    window.viewer.layers.remove(layer)
    window.mine.name = name
    window.impostor = window.viewer.add_labels(data, name=name)


CHANGES = (delete, rename, reorder, replace_data, replace_shape, impostor)
FEW_CHANGES = (delete, replace_shape, impostor)
SLOW_WORKS = ("tune", "folder")
"""They work in processes of their own, which take seconds to start: they see a few changes."""
LAYERS = {"image": lambda window: window.field, "objects": lambda window: window.objects}


@pytest.mark.parametrize("work", [name for name in WORKS if name != "blocks"])
@pytest.mark.parametrize("layer", LAYERS)
def test_no_label_reaches_another_layer(window, jobs, work, layer):
    for change in FEW_CHANGES if work in SLOW_WORKS else CHANGES:
        window.run()
        jobs.holding = True
        WORKS_HELD.get(work, WORKS[work])(window)
        changed = LAYERS[layer](window)
        change(window, changed)
        jobs.release()
        window.settle()
        assert window.mine_are_untouched(), change.__name__
        if change is impostor:
            assert (window.impostor.data == BYSTANDER).all()
            window.viewer.layers.remove(window.impostor)
        assert not window.busy or work in ("tune", "train"), change.__name__
        again(window)


def again(window):
    """Bring the image back as it was, and forget the rest."""
    window.controller.fine_tuning.stop()
    layers = window.viewer.layers
    for layer in [one for one in layers if one is not window.mine]:
        if layer in layers:  # some leave together
            layers.remove(layer)
    window.mine.name = "my labels"
    window.field = window.viewer.add_image(window.image.copy(), name="field")


def held_tune(window):
    """Begin fine-tuning; the correction is recorded first."""
    window.jobs.release()
    WORKS["tune"](window)


WORKS_HELD = {"tune": held_tune}
"""Works whose beginning needs other work to be done."""
