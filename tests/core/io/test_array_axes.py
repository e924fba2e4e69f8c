"""Axes of any file are settled: letters, order, and what is left out."""

import numpy as np
import pytest

from napari_pixel_embedding.core.io.array_axes import is_in_order, settle_axes


def numbered(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize(
    "axes", ["ZYX", "TYX", "CZYX", "TZCYX", "ZTCYX", "CTZYX", "YXC", "ZTYXC", "ZCYX"]
)
def test_any_order_of_t_c_and_z_stays(axes):
    data = numbered(*range(2, 2 + len(axes)))
    for spelling in (axes, axes.lower()):
        settled = settle_axes(data, spelling)
        assert (settled.axes, settled.notes) == (axes, ())
        np.testing.assert_array_equal(settled.data, data)


@pytest.mark.parametrize(
    ("axes", "order"),
    [("YXZ", "ZYX"), ("XYZ", "ZYX"), ("YXTZ", "TZYX"), ("YZXC", "ZYXC"), ("XYC", "YXC")],
)
def test_rows_and_columns_are_brought_to_the_end(axes, order):
    data = numbered(*range(2, 2 + len(axes)))
    settled = settle_axes(data, axes)
    assert settled.axes == order
    np.testing.assert_array_equal(settled.data, data.transpose([axes.index(a) for a in order]))
    assert settled.notes == (f"The axes {axes} were brought into the order {order}.",)


def test_rows_of_columns_are_turned():
    data = numbered(2, 3)
    np.testing.assert_array_equal(settle_axes(data, "XY").data, data.T)


@pytest.mark.parametrize("axes", ["TZCYX", "QQQYX", "tzcyx", None])
def test_axes_of_length_one_are_left_out(axes):
    settled = settle_axes(numbered(1, 1, 1, 2, 3), axes)
    assert (settled.axes, settled.data.shape, settled.notes) == ("YX", (2, 3), ())


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((2, 3, 1), None, (2, 3)),
        ((1, 3), "YX", (1, 3)),
        ((1, 1, 3), None, (1, 3)),
        ((1, 1), "YX", (1, 1)),
        ((1, 1, 1), "ZYX", (1, 1)),
    ],
)
def test_rows_and_columns_stay(shape, axes, expected):
    settled = settle_axes(numbered(*shape), axes)
    assert (settled.data.shape, settled.axes) == (expected, "YX")


@pytest.mark.parametrize("axes", ["IYX", "QYX", None])
def test_one_axis_of_pages_stays_unnamed(axes):
    settled = settle_axes(numbered(4, 2, 3), axes)
    assert (settled.axes, settled.data.shape, settled.notes) == (None, (4, 2, 3), ())
    assert settle_axes(numbered(4, 2, 3, 2), "QQYX")[1:] == (None, ())


@pytest.mark.parametrize(
    ("axes", "shape", "order", "result"),
    [
        ("AYX", (2, 3, 4), "TYX", (2, 3, 4)),
        ("VYX", (2, 3, 4), "TYX", (2, 3, 4)),
        ("IZYX", (2, 3, 4, 5), "TZYX", (2, 3, 4, 5)),
        ("IYXS", (2, 4, 5, 3), "TYXC", (2, 4, 5, 3)),
    ],
)
def test_other_letters_are_taken_as_time_with_a_remark(axes, shape, order, result):
    settled = settle_axes(numbered(*shape), axes)
    assert (settled.axes, settled.data.shape) == (order, result)
    np.testing.assert_array_equal(settled.data.ravel(), np.arange(np.prod(shape)))
    assert settled.notes == (f"The axis {axes[0]} was taken as time.",)


@pytest.mark.parametrize("axes", ["QTYX", "TAYX", "AVYX", "IAYX"])
def test_more_letters_than_one_must_be_named(axes):
    data = numbered(2, 3, 4, 5)
    settled = settle_axes(data, axes)
    assert (settled.axes, settled.data.shape) == (None, data.shape)
    assert settled.notes == (f"The axes {axes} are not all known here, so they must be named.",)


@pytest.mark.parametrize("letter", "SEH")
def test_samples_and_wavelengths_are_channels(letter):
    assert settle_axes(numbered(2, 3, 4), f"{letter}YX").axes == "CYX"


def test_channels_of_colours_are_joined():
    data = numbered(2, 4, 5, 3)
    settled = settle_axes(data, "CYXS")
    assert (settled.axes, settled.data.shape) == ("YXC", (4, 5, 6))
    np.testing.assert_array_equal(settled.data[..., 3:], data[1])
    assert "joined" in settled.notes[0]


def test_axes_that_say_too_little_are_dropped_with_a_remark():
    assert settle_axes(numbered(2, 3, 4), "TZX").notes == (
        "The axes TZX lack Y or X and were dropped.",
    )
    twice = settle_axes(numbered(2, 3, 4, 5), "TTYX")
    assert twice.axes is None
    assert "name one axis twice" in twice.notes[0]
    assert settle_axes(numbered(2, 3, 4), "YX").axes is None


def test_order():
    assert [is_in_order(a) for a in ("YX", "TYXC", "CYX")] == [True] * 3
    assert [is_in_order(a) for a in ("XY", "TTYX", "CYXC", "IYX", "yx", "YXT")] == [False] * 6
