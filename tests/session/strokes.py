"""What the user does with the brush."""

from __future__ import annotations


def paint(controller, pixels, value):
    """Do what a brush stroke does."""
    before = controller.session.labels
    after = before.copy()
    after[pixels] = value
    controller.corrections.record_edit(before, after)
