import dataclasses
import math

import pytest

from napari_pixel_embedding.core.clustering import ClusterParams, bandwidth_range
from napari_pixel_embedding.core.clustering.params import bandwidth_to_radius
from napari_pixel_embedding.core.parameters import parameters_of

PARAMETERS = parameters_of(ClusterParams)


def test_bandwidth_range_scales_with_the_margin_in_euclidean_space_only():
    assert bandwidth_range("euclidean", 0.5) == (0.5, 3.0)
    assert bandwidth_range("euclidean", 50.0) == (50.0, 300.0)
    assert bandwidth_range("cosine", 50.0) == (0.05, 0.8)


def test_defaults_of_a_space():
    assert ClusterParams.for_space("euclidean", 0.5) == ClusterParams()
    assert ClusterParams.for_space("euclidean", 5.0).bandwidth == 10.0
    assert ClusterParams.for_space("cosine", min_size=3) == ClusterParams(0.3, min_size=3)


def test_cosine_radius_is_the_chord():
    right_angle = bandwidth_to_radius(1.0, "cosine")
    assert right_angle == pytest.approx(math.dist((1, 0), (0, 1)))
    assert bandwidth_to_radius(1.5, "euclidean") == 1.5


def test_every_field_may_be_chosen():
    assert [p.name for p in PARAMETERS] == [f.name for f in dataclasses.fields(ClusterParams)]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_every_field_describes_its_form(parameter):
    assert parameter.title and parameter.step and parameter.description.endswith(".")
    assert parameter.low <= parameter.default <= parameter.high
    ClusterParams(**{parameter.name: parameter.low})
    ClusterParams(**{parameter.name: parameter.high})


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ClusterParams)])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_bad_values_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*found"):
        ClusterParams(**{name: value})
