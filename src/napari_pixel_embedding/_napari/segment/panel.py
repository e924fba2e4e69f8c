"""The Segment dock: choose image and model, run, and adjust clusters live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_pixel_embedding._napari.layers.placement import image_input
from napari_pixel_embedding._napari.models.channel_chooser import ChannelChooser
from napari_pixel_embedding._napari.models.chooser import ModelChooser
from napari_pixel_embedding._napari.segment.diameter_field import DiameterField
from napari_pixel_embedding._napari.segment.feature_box import FeatureBox
from napari_pixel_embedding._napari.segment.object_cuts import ObjectCuts
from napari_pixel_embedding._napari.settings import read_tile
from napari_pixel_embedding._napari.widgets.choosers import (
    DeviceChooser,
    ImageChooser,
    MethodChooser,
    ViewsChooser,
    config_of,
)
from napari_pixel_embedding._napari.widgets.field_marks import FieldMarks
from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding._napari.widgets.panel import (
    Panel,
    button,
    folded,
    group,
    named_rows,
    row,
    set_enabled,
)
from napari_pixel_embedding._napari.widgets.plot_colors import follow_theme
from napari_pixel_embedding.core.clustering.params import ClusterParams, bandwidth_range
from napari_pixel_embedding.core.inference.object_scale import image_diameter
from napari_pixel_embedding.session.segment.choice import Problem, check_choice, check_features

if TYPE_CHECKING:
    from napari import Viewer

    from napari_pixel_embedding._napari.segment.count_curve import CountCurve
    from napari_pixel_embedding._napari.widgets.controls import Fold
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session import ImageInput

_RUN = "Run the model on the image. Corrections stay."
_ADVANCED = "Show or hide what rarely needs a change: axes, method, device and views."
_CARDS = "All models as cards: what each is for, its input, usual diameter, licence and scores."
_AUTO = "Set the bandwidth to the middle of the widest range in which the count hardly changes."
_SLIDERS = "The labels layer follows while you drag."
_LINE_MS = 100
"""The curve's line waits so long for the labels: one repaint of the window for both."""


class SegmentPanel(Panel):
    """Image, model, diameter and Run; the sliders of clustering, and the curve below them."""

    NAME = "Segment"
    GUIDE = "Segment"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.images = ImageChooser(self.workspace.viewer)
        self.models = ModelChooser(self.workspace.settings.model_files())
        self.channels = ChannelChooser(self.images, self.models)
        self.features = FeatureBox(self.workspace.viewer, self.images, self.models)
        self.devices = DeviceChooser(self.session.device)
        self.views = ViewsChooser()
        self.diameter = DiameterField(self.workspace, self.measure)
        self.run_button = button("Run", _RUN, self.run)
        self.cards_button = button("Cards…", _CARDS, self.models.manage)
        self.marks = FieldMarks(
            self.workspace.viewer,
            {
                "image": self.images.layers,
                "model": self.models,
                "diameter": self.diameter.number,
                "axes": self.images.axes_choice,
                "channel": self.channels,
            },
        )
        self.methods = MethodChooser()
        self.advanced = self._fold_rare_choices()
        self.form = ParamsForm(ClusterParams(), sliders=True)
        self.auto_button = button("Auto", _AUTO, self.controller.clustering.choose_bandwidth)
        self.cuts = ObjectCuts(self.workspace)
        self.curve: CountCurve | None = None
        self._line_moves = QTimer(self)
        self._line_moves.setSingleShot(True)
        self._line_moves.setInterval(_LINE_MS)
        self._line_moves.timeout.connect(self._move_line)
        self._lay_out()
        self._follow_session()
        for chooser in (self.images, self.models, self.features):
            chooser.changed.connect(self._show_choice)
        for box in (self.images.axes_choice, self.channels):
            box.currentIndexChanged.connect(self._show_choice)
        self._show_image()
        self._choose_as_last()
        self.models.show_source(self.session.model_source)
        self.methods.activated.connect(self._choose_method)
        self.form.changed.connect(lambda changes: self.controller.clustering.set_params(**changes))
        self.workspace.layers.clicked.connect(self.cuts.refresh)
        self._show_choice()
        self._show_ranges()
        self._show_curve()
        self.cuts.refresh()

    def run(self) -> None:
        """Run the chosen model on the chosen image."""
        if self._choose():
            self._remember()
            self.controller.run()

    def measure(self) -> None:
        """Measure the diameter of the objects of the chosen image with the chosen model."""
        if self._choose():
            self.controller.diameter.measure()

    def _choose_as_last(self) -> None:
        """Choose what was chosen last, where this window has no choice yet."""
        last = self.workspace.choices
        if last.views is not None:
            self.views.setCurrentIndex(self.views.findData(last.views))
        if self.session.model_source == "" and last.model is not None:
            self.models.recall(last.model)
        if not self.session.embedding_maps and last.method is not None:
            self.controller.clustering.set_method(last.method)

    def _remember(self) -> None:
        source = self.models.source
        self.workspace.remember(
            **({"model": source} if isinstance(source, str) else {}),
            device=self.devices.device,
            views=self.views.augment,
            method=self.session.method,
        )

    def _choose(self) -> bool:
        """Pass the choices to the session; return whether it accepted the image."""
        layer, source, features = self.images.layer, self.models.source, self.features
        if layer is not None and not self.workspace.layers.use_image(
            layer, self.images.axes, self.channels.channel, features.foreground
        ):
            return False
        self.controller.set_device(self.devices.device)
        self.controller.set_tile(read_tile())
        self.controller.set_augment(self.views.augment)
        if source is not None:
            self.controller.set_model(str(features.source) if features.source else source)
        return True

    def _choose_method(self) -> None:
        self.controller.clustering.set_method(self.methods.currentData())

    def retire(self) -> None:
        """Disconnect from the viewer too, and close the plot: its menus outlive it."""
        self.images.close()
        self.features.close_down()
        self.workspace.layers.clicked.disconnect(self.cuts.refresh)
        if self.curve is not None:
            self.curve.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        box, column = group("Image and model", self.GUIDE)
        column.addLayout(
            named_rows(
                ("Image", self.images.layers),
                ("Model", _beside(self.models, self.cards_button)),
                ("Diameter", self.diameter),
            )
        )
        column.addWidget(self.features)
        column.addWidget(self.marks)
        column.addWidget(self.diameter.hint)
        column.addWidget(self.images.hint)
        column.addWidget(self.run_button)
        column.addWidget(self.advanced)
        self.column.addWidget(box)
        self._lay_out_sliders()
        self.column.addStretch()

    def _fold_rare_choices(self) -> Fold:
        rows = QWidget()
        grid = named_rows(
            ("Axes", self.images.axes_choice),
            ("Channel", self.channels),
            ("Method", self.methods),
            ("Device", self.devices),
            ("Views", self.views),
        )
        grid.setContentsMargins(0, 0, 0, 0)
        rows.setLayout(grid)
        return folded("Advanced", _ADVANCED, rows)

    def _lay_out_sliders(self) -> None:
        self.objects, column = group("Objects", self.GUIDE)
        column.addWidget(self.form)
        self._curve_column = QVBoxLayout()
        column.addLayout(self._curve_column)
        column.addWidget(self.auto_button)
        column.addWidget(self.cuts)
        self.column.addWidget(self.objects)

    def _add_curve(self) -> CountCurve:
        """Build the plot with the first curve, because pyqtgraph takes a moment to load."""
        from napari_pixel_embedding._napari.segment.count_curve import CountCurve

        curve = CountCurve()
        follow_theme(self, curve)
        curve.dragged.connect(self._drag)
        self._curve_column.addWidget(curve)
        return curve

    def _drag(self, bandwidth: float) -> None:
        self.form.widget("bandwidth").value = bandwidth

    # ------------------------------------------------------------------- following the session

    def _follow_session(self) -> None:
        events = self.session.events
        self.follow(events.running, self._refresh)
        for signal in (events.diameter, events.diameter_source, events.running):
            self.follow(signal, self.diameter.refresh)
        for signal in (events.measuring, events.measured):
            self.follow(signal, self.diameter.refresh)
        self.follow(events.stability, self._show_curve)
        for signal in (events.labels, events.cut_status, events.local_past):
            self.follow(signal, self.cuts.refresh)
        self.follow(events.labels, self._move_line)
        self.follow(events.cluster_params, self._show_params)
        self.follow(events.method, self._show_method)
        self._show_method(self.session.method)
        for signal in (events.model, events.embedding_maps, events.outdated):
            self.follow(signal, self._show_ranges)
        for chooser in (self.models, self.features):
            self.follow(events.model_source, chooser.show_source)
        self.follow(events.diameter, self._show_choice)
        self.follow(self.workspace.viewer.events.theme, self.marks.refresh)
        self.follow(self.workspace.present.changed, self._show_image)
        self.follow(events.image, self._show_reading)

    def _show_image(self) -> None:
        """Show the image that all docks are about."""
        if self.workspace.present.layer is not None:
            self.images.choose(self.workspace.present.layer)
        self._show_reading(self.session.image)

    def _show_reading(self, image: ImageInput | None) -> None:
        if self.images.layer is self.workspace.layers.follower.image:
            self.images.show_axes(image)
            self.channels.show_image(image)

    def _refresh(self, *_: Any) -> None:
        set_enabled(self.run_button, _RUN, self._disabled_reason())

    def _show_choice(self, *_: Any) -> None:
        """Check what is chosen, mark the fields, and open Advanced where it is the question."""
        self.workspace.present.choose(self.images.layer)
        problems = self._find_problems()
        self.marks.show_problems(problems)
        errors = [one for one in problems if one.level == "error"]
        unable = next((one.sentence for one in errors if one.field != "diameter"), None)
        self.diameter.show_choice(self.images.layer, self.models.source, unable)
        if any(one.field in ("axes", "channel") for one in errors):
            self.advanced.expand(animate=False)
        self._refresh()

    def _find_problems(self) -> list[Problem]:
        layer, refused = self.images.layer, self.models.refused
        image = None
        if layer is not None:
            chosen = self.channels.channel, self.features.foreground
            image = image_input(layer, self.images.axes, *chosen)
        if self.features.source is not None:
            return check_features(image, self.features.source, self.session.diameter)
        found = check_choice(image, config_of(self.models.source), self.session.diameter)
        if refused is None:
            return found
        others = (one for one in found if one.field != "model")
        return [Problem("model", "error", refused), *others]

    def _show_method(self, method: Method) -> None:
        self.methods.show_method(method)
        if method == "mutex":
            self.advanced.expand(animate=False)

    def _disabled_reason(self) -> str | None:
        if self.session.running:
            return "A run is under way: wait for it, or cancel it."
        if self.images.layer is None:
            return "Open an image first: File > Open Sample > Pixel Embedding has some."
        if self.models.source is None:
            return "Choose a model first."
        return self.marks.error

    def _show_curve(self, *_: Any) -> None:
        curve = self.session.stability
        set_enabled(self.auto_button, _AUTO, None if curve is not None else "Run a model first.")
        if curve is not None:
            self.curve = self.curve or self._add_curve()
            self.curve.show_curve(curve)
            self.curve.setVisible(True)
            self._show_params()
            self._move_line()
        elif self.curve is not None:
            self.curve.setVisible(False)

    def _show_ranges(self, *_: Any) -> None:
        """Fit the sliders to the model; not at every tick, because it lays out the panel again."""
        session = self.session
        missing = session.outdated if session.embedding_maps else "Run a model first."
        set_enabled(self.objects, _SLIDERS, missing or None)
        if session.model is not None:
            config = session.model.config
            self.form.set_range("bandwidth", *bandwidth_range(config.space, config.delta_var))
            diameter = image_diameter(config, session.diameter)
            self.form.set_range("min_size", 0, _largest_min_size(diameter))
        self._show_params()

    def _show_params(self, *_: Any) -> None:
        params = self.session.cluster_params
        if params is not None:
            self.form.show_params(params)
            self._line_moves.start()

    def _move_line(self, *_: Any) -> None:
        self._line_moves.stop()
        if self.curve is not None and self.session.cluster_params is not None:
            self.curve.show_bandwidth(self.session.cluster_params.bandwidth)


def _beside(wide: QWidget, narrow: QWidget) -> QWidget:
    """Put a narrow widget beside another that takes the rest of the width and gives the height."""
    both = QWidget()
    narrow.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
    layout = row(wide, narrow)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setStretch(0, 1)
    both.setLayout(layout)
    return both


def _largest_min_size(diameter: float | None) -> int:
    """Return the maximum of the minimum-size slider, somewhat beyond a typical object."""
    return 1000 if diameter is None else max(200, min(10_000, round(2 * diameter**2)))
