"""The terms of a training batch and their sum."""

import pytest
import torch

from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.networks import NetworkOutput
from napari_pixel_embedding.core.training.batches import Batch
from napari_pixel_embedding.core.training.config import LossConfig
from napari_pixel_embedding.core.training.objective import check_teacher, loss_terms, weighted_sum

TERMS = {"foreground": 2.0, "distance": 3.0, "intra": 5.0, "inter": 7.0, "reg": 11.0}


def test_weighted_sum_by_hand():
    terms = {name: torch.tensor(value) for name, value in TERMS.items()}
    config = LossConfig(foreground=1, distance=10, intra=100, inter=1000, reg=10_000)
    assert weighted_sum(terms, config).item() == 2 + 30 + 500 + 7000 + 110_000
    assert weighted_sum(terms, config, with_embedding=False).item() == 2 + 30


def batch_of(labels, neighbours=()):
    labels = torch.tensor(labels)[None]
    return Batch(
        image=torch.zeros(1, 1, *labels.shape[1:]),
        labels=labels,
        distance=torch.zeros(labels.shape),
        neighbours=[torch.tensor(neighbours, dtype=torch.int64).reshape(-1, 2)],
    )


def output_of(embedding, dtype=torch.float32):
    embedding = torch.as_tensor(embedding, dtype=dtype)[None]
    pixels = embedding[:, 0]
    return NetworkOutput(embedding, torch.zeros_like(pixels), torch.zeros_like(pixels))


EVERY = LossConfig(min_pixels=1)


def inter_of(model, embedding, labels, neighbours=(), config=EVERY):
    terms = loss_terms(output_of(embedding), batch_of(labels, neighbours), model, config)
    return terms["inter"].item()


def test_terms_are_float32_and_finite_from_half_precision_outputs():
    output = output_of(torch.randn(4, 3, 5), torch.bfloat16)
    terms = loss_terms(output, batch_of([[1] * 5, [0] * 5, [2] * 5]), ModelConfig(), EVERY)
    assert list(terms) == list(TERMS)
    assert {term.dtype for term in terms.values()} == {torch.float32}
    assert all(torch.isfinite(term) for term in terms.values())


def test_all_objects_are_pushed_apart_or_only_neighbours():
    model = ModelConfig(space="euclidean", embedding_dim=1)
    embedding, labels = [[[0.0, 1.0, 0.0]]], [[1, 2, 3]]
    # gaps of 1, 1 and 0 against 3
    assert inter_of(model, embedding, labels) == pytest.approx((4 + 4 + 9) / 3)
    local = LossConfig(min_pixels=1, neighbours_only=True)
    assert inter_of(model, embedding, labels, [(1, 2)], local) == pytest.approx((4 + 4 + 0) / 3)
    cosine = ModelConfig(space="cosine", embedding_dim=1)
    assert inter_of(cosine, [[[1.0, 1.0, 1.0]]], labels, [(1, 2)]) == pytest.approx(2 / 3)


def test_cosine_form_is_the_configured_one():
    model = ModelConfig(space="cosine", embedding_dim=2)
    embedding, labels = [[[1.0, -1.0]], [[0.0, 0.0]]], [[1, 2]]
    signed = LossConfig(min_pixels=1, cosine_form="signed")
    assert inter_of(model, embedding, labels, [(1, 2)], signed) == pytest.approx(-1)
    assert inter_of(model, embedding, labels, [(1, 2)]) == pytest.approx(1)


def test_margins_are_those_of_the_model():
    model = ModelConfig(space="euclidean", embedding_dim=1, delta_dist=1.0)
    assert inter_of(model, [[[0.0, 0.5]]], [[1, 2]]) == pytest.approx((2 - 0.5) ** 2)


def test_small_objects_count_for_the_foreground_alone():
    terms = loss_terms(
        output_of([[[5.0, 9.0]]]), batch_of([[1, 2]]), ModelConfig(embedding_dim=1), LossConfig()
    )
    assert terms["intra"].item() == terms["inter"].item() == 0
    assert terms["foreground"].item() > 0


def test_coordinates_are_added_to_the_first_components():
    # Row 0 holds object 1, row 2 object 2; the network says zero everywhere, coordinates put
    # the means 2 rows / 4 px = 0.5 apart, against 3. Within an object columns spread by ±0.25.
    model = ModelConfig(embedding_dim=3, coordinate_scale=4.0, delta_var=0.125)
    labels = [[1, 1, 1], [0, 0, 0], [2, 2, 2]]
    output, batch = output_of(torch.zeros(3, 3, 3)), batch_of(labels, [(1, 2)])
    terms = loss_terms(output, batch, model, EVERY)
    assert terms["inter"].item() == pytest.approx((3 - 0.5) ** 2, rel=1e-5)
    assert terms["intra"].item() == pytest.approx(2 / 3 * 0.125**2, rel=1e-4)
    assert terms["reg"].item() == 0


def test_coordinates_start_anew_in_every_image_and_follow_z_y_x():
    model = ModelConfig(axes="ZYX", embedding_dim=3, coordinate_scale=1.0, delta_dist=10.0)
    labels = torch.zeros(2, 3, 4, 5, dtype=torch.int64)
    labels[:, 0, 0, 0], labels[:, 2, 3, 4] = 1, 2
    batch = Batch(
        torch.zeros(2, 1, 3, 4, 5), labels, torch.zeros(labels.shape), [torch.tensor([[1, 2]])] * 2
    )
    output = NetworkOutput(torch.zeros(2, 3, 3, 4, 5), *torch.zeros(2, 2, 3, 4, 5))
    terms = loss_terms(output, batch, model, EVERY)
    assert terms["inter"].item() == pytest.approx((20 - (4 + 9 + 16) ** 0.5) ** 2, rel=1e-5)


def test_instance_dice_is_asked_for_and_weighted():
    labels, neighbours = [[1, 1, 2, 3]], [(1, 2)]
    model = ModelConfig(embedding_dim=1, delta_var=1.0)
    output = output_of([[[0.0, 0.0, 1.0, 0.0]]])
    batch = batch_of(labels, neighbours)
    assert "instance_dice" not in loss_terms(output, batch, model, EVERY)
    terms = loss_terms(output, batch, model, EVERY, instance_dice=True)
    # Objects 1 and 2 spill 1/2 a pixel onto each other; 3 lies on 1, which is no neighbour.
    one, two = 1 - 2 * 2 / (2 + 0.5 + 2), 1 - 2 * 1 / (1 + 2 * 0.5 + 1)
    assert terms["instance_dice"].item() == pytest.approx((one + two + 0) / 3)
    zero = LossConfig(0, 0, 0, 0, 0, instance_dice=3.0)
    assert weighted_sum(terms, zero).item() == pytest.approx(3 * terms["instance_dice"].item())
    assert weighted_sum(terms, zero, with_embedding=False).item() == 0


def test_instance_dice_compares_directions_in_cosine_space():
    model = ModelConfig(space="cosine", embedding_dim=2)
    far = [[[9.0, 0.1, 0.0]], [[0.0, 0.0, 4.0]]]
    unit = [[[1.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]]
    found = [
        loss_terms(output_of(e), batch_of([[1, 1, 2]], [(1, 2)]), model, EVERY, True)
        for e in (far, unit)
    ]
    assert found[0]["instance_dice"].item() == pytest.approx(found[1]["instance_dice"].item())


def test_a_teacher_of_another_system_is_refused():
    own = ModelConfig(coordinate_scale=5.0)
    check_teacher(ModelConfig(coordinate_scale=5.0, base_width=32, stem_stride=2), own)
    with pytest.raises(ValueError, match=r"must have the coordinate_scale .* expected 5.0, found"):
        check_teacher(ModelConfig(name="other"), own)


def test_a_teacher_counts_during_warm_up():
    terms = {name: torch.tensor(1.0) for name in [*TERMS, "teacher"]}
    config = LossConfig(foreground=1, distance=1, teacher=5)
    assert weighted_sum(terms, config, with_embedding=False).item() == 1 + 1 + 5
