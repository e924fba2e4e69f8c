import numpy as np
import pytest

from napari_pixel_embedding.core.label_frames import Frame, label_frames, like_frame


@pytest.mark.parametrize("shape", [(7, 5), (4, 7, 5), (1, 1), (3, 1, 1)])
@pytest.mark.parametrize("pixels", [1, 12, 36, 10**6])
def test_slabs_cover_a_frame_once_and_in_the_order_of_its_pixels(shape, pixels):
    values = np.arange(1, np.prod(shape) + 1).reshape(shape)
    (frame,) = label_frames(values, "ZYX"[-len(shape) :])
    parts = [frame.read(box).ravel() for box in frame.slabs(pixels)]
    assert np.array_equal(np.concatenate(parts), values.ravel())
    assert max(part.size for part in parts) <= max(pixels, shape[-1])


class Chunked:
    """An array that knows how it is stored."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.shape = array, chunks, array.shape

    def __getitem__(self, index):
        return self.array[index]


@pytest.mark.parametrize("chunks", [(8, 10), ((8, 8, 4), (10,))])
def test_slabs_end_where_stored_chunks_end(chunks):
    frame = Frame(Chunked(np.zeros((20, 10), int), chunks), "YX")
    assert [box[0].stop for box in frame.slabs(150)] == [8, 16, 20]


def test_frames_are_taken_along_t_wherever_it_stands():
    array = np.arange(24).reshape(2, 3, 2, 2)
    frames = label_frames(array, "ZTYX")
    assert len(frames) == 3
    assert np.array_equal(frames[1].read(), array[:, 1])
    assert np.array_equal(like_frame(array + 100, frames[2], "image").read(), array[:, 2] + 100)


@pytest.mark.parametrize(
    ("labels", "axes", "message"),
    [
        (np.zeros((2, 3, 4), int), None, "axes must be"),
        (np.zeros((3, 4), int), "ZYX", "axes must be"),
        (np.zeros((0, 4), int), None, "at least one pixel"),
    ],
)
def test_wrong_axes_are_refused(labels, axes, message):
    with pytest.raises(ValueError, match=message):
        label_frames(labels, axes)


def test_what_is_no_label_image_is_refused_when_read():
    with pytest.raises(ValueError, match="found the id -1"):
        label_frames(np.array([[-1, 2]]))[0].read()


def test_another_array_must_have_the_same_shape():
    with pytest.raises(ValueError, match="must have the shape of the labels"):
        like_frame(np.zeros((3, 3)), label_frames(np.zeros((3, 4), int))[0], "image")
