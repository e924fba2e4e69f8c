"""The dock widgets named in the manifest; docks of one viewer share a workspace.

They are classes because napari inspects ``__init__`` to decide whether to pass the viewer.
"""

from __future__ import annotations

from napari_pixel_embedding._napari.correct.panel import CorrectPanel as correct_widget
from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel as embedding_widget
from napari_pixel_embedding._napari.segment.panel import SegmentPanel as segment_widget
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel as fine_tune_widget
from napari_pixel_embedding._napari.train.train_panel import TrainPanel as train_widget

__all__ = [
    "correct_widget",
    "embedding_widget",
    "fine_tune_widget",
    "segment_widget",
    "train_widget",
]
