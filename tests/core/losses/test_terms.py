"""Losses: values worked out by hand, gradients, and what must not change them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.losses.terms import (
    DiscriminativeLoss,
    NeighbourCosineLoss,
    Objects,
    distance_loss,
    foreground_loss,
    imitation_loss,
    instance_dice_loss,
    object_vectors,
)
from napari_pixel_embedding.core.model.networks import NetworkOutput

EUCLIDEAN = DiscriminativeLoss(delta_var=0.5, delta_dist=1.5)


def image_of(*rows):
    """A batch of one label image."""
    return torch.tensor([rows])


def vectors_of(*vectors):
    return torch.tensor(vectors, dtype=torch.float64)


def euclidean(labels, vectors, loss=EUCLIDEAN):
    objects = Objects.from_labels(labels)
    return loss(vectors, objects, objects.all_pairs())


def cosine(labels, vectors, neighbours, form="squared"):
    objects = Objects.from_labels(labels)
    pairs = objects.neighbour_pairs([torch.tensor(neighbours).reshape(-1, 2)])
    return NeighbourCosineLoss(form)(vectors, objects, pairs)


def test_objects_are_found_in_every_image_of_a_batch():
    labels = torch.tensor([[[0, 7, 7], [3, -1, 7]], [[7, 7, 0], [-1, -1, 0]]])
    objects = Objects.from_labels(labels)
    assert objects.image.tolist() == [0, 0, 1]
    assert objects.label.tolist() == [3, 7, 7]
    assert objects.size.tolist() == [1, 3, 2]
    assert objects.pixels.tolist() == [1, 2, 3, 5, 6, 7]
    assert objects.owner.tolist() == [1, 1, 0, 1, 2, 2]
    assert objects.count_in_image.tolist() == [2, 1]


def test_small_objects_are_left_out_and_the_others_keep_their_pixels():
    objects = Objects.from_labels(image_of([5, 5, 2, 9, 9, 9]), min_pixels=2)
    assert objects.label.tolist() == [5, 9]
    assert objects.pixels.tolist() == [0, 1, 3, 4, 5]
    assert objects.owner.tolist() == [0, 0, 1, 1, 1]


def test_vectors_follow_the_pixels_of_a_volume():
    labels = torch.zeros(2, 2, 3, 4, dtype=torch.int64)
    labels[0, 1, 2, 3], labels[1, 0, 1, 2] = 4, 4
    embedding = torch.arange(2 * 5 * 2 * 3 * 4, dtype=torch.float64).reshape(2, 5, 2, 3, 4)
    vectors = object_vectors(embedding, Objects.from_labels(labels))
    expected = torch.stack([embedding[0, :, 1, 2, 3], embedding[1, :, 0, 1, 2]])
    torch.testing.assert_close(vectors, expected)


def test_euclidean_terms_by_hand():
    # Object 1: 0 and 2 on a line, mean 1, both 1 away, 0.5 over the margin. Object 2: one pixel
    # at (1, 2). The means are 2 apart where 3 is asked for.
    terms = euclidean(image_of([1, 1, 0, 2]), vectors_of((0, 0), (2, 0), (1, 2)))
    assert terms.intra.item() == pytest.approx((0.5**2 + 0) / 2)
    assert terms.inter.item() == pytest.approx((3 - 2) ** 2)
    assert terms.reg.item() == pytest.approx((1 + math.sqrt(5)) / 2)


def test_euclidean_inter_is_the_mean_over_ordered_pairs():
    # Three objects on a line at 0, 1 and 5: gaps of 1, 4 and 5 against 3.
    terms = euclidean(image_of([1, 2, 3]), vectors_of((0,), (1,), (5,)))
    assert terms.inter.item() == pytest.approx(2 * (3 - 1) ** 2 / (3 * 2))


def test_a_batch_is_the_mean_of_its_images_however_many_objects_each_has():
    labels = torch.tensor([[[1, 1, 2]], [[1, 1, 0]], [[0, 0, -1]]])
    vectors = vectors_of((0.0,), (4.0,), (3.0,), (0.0,), (2.0,))
    terms = euclidean(labels, vectors)
    first, second = (1.5**2 + 0) / 2, 0.5**2
    assert terms.intra.item() == pytest.approx((first + second) / 2)
    # one image has a pair, the other only a single object, whose share is zero
    assert terms.inter.item() == pytest.approx(((3 - 1) ** 2 + 0) / 2)


def test_cosine_terms_by_hand():
    # Object 1 has the unit vectors (1, 0) and (0, 1), whose mean points along (1, 1);
    # object 2 points along (1, 0): cos 45° between the two.
    labels, vectors = image_of([1, 1, 0, 2]), vectors_of((3, 0), (0, 0.1), (7, 0))
    root = math.sqrt(0.5)
    squared = cosine(labels, vectors, [(1, 2)])
    assert squared.intra.item() == pytest.approx((1 - root) / 2)
    assert squared.inter.item() == pytest.approx(0.5)
    assert squared.reg.item() == 0
    assert cosine(labels, vectors, [(1, 2)], "absolute").inter.item() == pytest.approx(root)
    assert cosine(labels, vectors, [(1, 2)], "signed").inter.item() == pytest.approx(root)


def test_opposite_neighbours_cost_as_much_as_equal_ones_unless_signed():
    labels, vectors = image_of([1, 2]), vectors_of((1, 0), (-2, 0))
    inter = {f: cosine(labels, vectors, [(1, 2)], f).inter.item() for f in FORMS}
    assert inter == pytest.approx({"squared": 1, "absolute": 1, "signed": -1})


FORMS = ("squared", "absolute", "signed")


def test_signed_cosine_lets_good_pairs_pay_for_bad_ones():
    # Three neighbours in the plane; 1 and 2 share a vector, 3 is opposite: the signed form
    # sees cosines 1, −1 and −1 and prefers that to three vectors at right angles.
    labels, everyone = image_of([1, 2, 3]), [(1, 2), (1, 3), (2, 3)]
    merged = vectors_of((1, 0, 0), (1, 0, 0), (-1, 0, 0))
    apart = vectors_of((1, 0, 0), (0, 1, 0), (0, 0, 1))
    worse = {
        form: cosine(labels, merged, everyone, form).inter.item()
        > cosine(labels, apart, everyone, form).inter.item()
        for form in FORMS
    }
    assert worse == {"squared": True, "absolute": True, "signed": False}


def test_only_neighbours_are_pushed_apart():
    labels, vectors = image_of([1, 2, 0, 3]), vectors_of((1, 0), (0, 1), (1, 0))
    assert cosine(labels, vectors, [(1, 2), (2, 3)]).inter.item() == 0
    # 1 and 3 share a vector: each has one partner, 2 has none and counts as 0
    assert cosine(labels, vectors, [(1, 3)]).inter.item() == pytest.approx((1 + 1 + 0) / 3)


def test_neighbours_that_are_not_in_the_crop_are_passed_over():
    objects = Objects.from_labels(torch.tensor([[[1, 2]], [[2, 3]]]))
    pairs = objects.neighbour_pairs([torch.tensor([[1, 2], [2, 3]]), torch.tensor([[1, 2]])])
    assert pairs.tolist() == [[0, 1], [1, 0]]


def test_euclidean_takes_neighbours_only_too():
    objects = Objects.from_labels(image_of([1, 2, 3]))
    pairs = objects.neighbour_pairs([torch.tensor([[1, 2]])])
    terms = EUCLIDEAN(vectors_of((0,), (1,), (0,)), objects, pairs)
    assert terms.inter.item() == pytest.approx((4 + 4 + 0) / 3)


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="'squared', 'absolute' or 'signed', found 'cubed'"):
        NeighbourCosineLoss("cubed")


ALL_LOSSES = [EUCLIDEAN, *(NeighbourCosineLoss(form) for form in FORMS)]


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_no_object_gives_zeros_that_carry_a_gradient(loss):
    embedding = torch.rand(2, 3, 4, 4, requires_grad=True)
    objects = Objects.from_labels(torch.full((2, 4, 4), -1))
    pairs = objects.all_pairs()
    assert pairs.shape == objects.neighbour_pairs([torch.zeros(0, 2)] * 2).shape == (0, 2)
    terms = loss(object_vectors(embedding, objects), objects, pairs)
    assert [term.item() for term in terms] == [0, 0, 0]
    sum(terms).backward()
    assert torch.count_nonzero(embedding.grad) == 0


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_a_single_object_has_no_inter_term(loss):
    embedding = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    objects = Objects.from_labels(torch.tensor([[[4, 4], [0, 4]]]))
    terms = loss(object_vectors(embedding, objects), objects, objects.all_pairs())
    assert terms.inter.item() == 0
    sum(terms).backward()
    assert torch.isfinite(embedding.grad).all()


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_gradients_agree_with_finite_differences(loss):
    generator = torch.Generator().manual_seed(3)
    embedding = torch.randn(2, 3, 3, 4, dtype=torch.float64, generator=generator)
    labels = torch.randint(-1, 4, (2, 3, 4), generator=generator)
    objects = Objects.from_labels(labels)
    pairs = objects.all_pairs()

    def terms(values):
        return tuple(loss(object_vectors(values, objects), objects, pairs))

    assert torch.autograd.gradcheck(terms, embedding.requires_grad_())


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_gradient_is_finite_where_all_vectors_are_equal(loss):
    embedding = torch.zeros(1, 3, 2, 2, requires_grad=True)
    objects = Objects.from_labels(torch.tensor([[[1, 1], [2, 2]]]))
    sum(loss(object_vectors(embedding, objects), objects, objects.all_pairs())).backward()
    assert torch.isfinite(embedding.grad).all()


def test_gradients_of_the_heads_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(5)
    values = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.randint(-1, 3, (2, 3, 4), generator=generator)
    distance = torch.rand(2, 3, 4, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda v: foreground_loss(v, labels), values)
    assert torch.autograd.gradcheck(lambda v: distance_loss(v, distance, labels), values)


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
@given(data=st.data())
@settings(max_examples=15)
def test_the_numbers_that_objects_carry_change_nothing(loss, data):
    seed = data.draw(st.integers(0, 1000))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 5, (2, 4, 5), generator=generator)
    embedding = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    ids = data.draw(st.lists(st.integers(1, 99), min_size=4, max_size=4, unique=True))
    table = torch.tensor([0, *ids, -1])  # the last entry is that of label −1
    every_pair = torch.combinations(torch.arange(1, 5))
    before = all_terms(loss, embedding, labels, every_pair)
    after = all_terms(loss, embedding, table[labels], table[every_pair])
    torch.testing.assert_close(before, after)


def all_terms(loss, embedding, labels, neighbours):
    objects = Objects.from_labels(labels)
    pairs = objects.neighbour_pairs([neighbours] * len(labels))
    return tuple(loss(object_vectors(embedding, objects), objects, pairs))


def instance_dice(labels, vectors, pairs, delta=1.0):
    return instance_dice_loss(vectors, Objects.from_labels(labels), torch.tensor(pairs), delta)


def test_instance_dice_is_that_of_dense_soft_masks():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (2, 5, 6), generator=rng)
    objects = Objects.from_labels(labels)
    vectors = torch.randn(len(objects.pixels), 3, generator=rng, dtype=torch.float64)
    pairs = objects.all_pairs()[1:-2]
    dice = torch.zeros(len(objects), dtype=torch.float64)
    for k in range(len(objects)):
        own = objects.owner == k
        partners = pairs[pairs[:, 0] == k, 1]
        seen = own | torch.isin(objects.owner, partners)
        distance = (vectors - vectors[own].mean(0)).norm(dim=1)
        mask = torch.exp(-math.log(2) * (distance / 0.7) ** 2) * seen
        dice[k] = 1 - 2 * mask[own].sum() / (mask.sum() + own.sum())
    found = instance_dice_loss(vectors, objects, pairs, 0.7)
    assert float(found) == pytest.approx(float(objects.batch_mean(dice)))


def test_instance_dice_asks_for_what_mean_shift_cuts():
    labels = image_of([1, 1, 2, 2])
    tight = vectors_of([0.0], [0.0], [9.0], [9.0])
    merged, wide = vectors_of([0.0], [0.0], [0.0], [0.0]), vectors_of([-2.0], [2.0], [7.0], [11.0])
    both = [[0, 1], [1, 0]]
    assert float(instance_dice(labels, tight, both)) == pytest.approx(0)
    assert float(instance_dice(labels, merged, both)) == pytest.approx(1 / 3)
    assert float(instance_dice(labels, wide, both)) > 0.5


def test_instance_dice_has_finite_gradients_also_without_objects_or_partners():
    none = torch.zeros((0, 2), dtype=torch.int64)
    for labels in (image_of([0, 0, -1]), image_of([4, 4, 0])):
        objects = Objects.from_labels(labels)
        vectors = torch.zeros(len(objects.pixels), 2, requires_grad=True)
        loss = instance_dice_loss(vectors, objects, none, 0.5)
        loss.backward()
        assert loss.item() == 0
        assert torch.isfinite(vectors.grad).all()


def test_gradient_of_instance_dice_agrees_with_finite_differences():
    labels = image_of([1, 1, 1, 2, 2, 3])
    pairs = [[0, 1], [1, 0], [2, 1], [1, 2]]
    vectors = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(
        lambda v: instance_dice(labels, v, pairs), vectors.requires_grad_()
    )


def test_unknown_pixels_count_nowhere():
    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor([[[1, 1, -1, 2], [0, -1, 2, 2]]])
    unlabelled = labels == -1
    embedding = torch.randn(1, 3, 2, 4, generator=generator)
    logits, predicted, distance = torch.randn(3, 1, 2, 4, generator=generator)
    spoilt = torch.where(unlabelled, 1e6, 1.0)
    for loss in ALL_LOSSES:
        pair = torch.tensor([[1, 2]])
        torch.testing.assert_close(
            all_terms(loss, embedding * spoilt.unsqueeze(1), labels, pair),
            all_terms(loss, embedding, labels, pair),
        )
    torch.testing.assert_close(
        foreground_loss(logits * spoilt, labels), foreground_loss(logits, labels)
    )
    torch.testing.assert_close(
        distance_loss(predicted * spoilt, distance, labels),
        distance_loss(predicted, distance, labels),
    )


def test_foreground_loss_by_hand():
    # Logits of 0 are probabilities of ½: cross-entropy ln 2; Dice 1 − (2·½ + 1)/(½ + ½ + 1 + 1).
    loss = foreground_loss(torch.zeros(1, 1, 3), torch.tensor([[[5, 0, -1]]]))
    assert loss.item() == pytest.approx(math.log(2) + 1 - 2 / 3)


def test_what_is_left_out_is_not_even_weak_background():
    labels = torch.tensor([[[5, 0, -1, -2]]])
    logits = torch.tensor([[[0.3, -0.2, 0.9, 1e6]]], requires_grad=True)
    loss = foreground_loss(logits, labels, unlabelled_weight=0.5)
    torch.testing.assert_close(loss, foreground_loss(logits[..., :3], labels[..., :3], 0.5))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 0, 2] > 0 and gradient[0, 0, 3] == 0


def test_distance_loss_by_hand():
    # Errors of 0.05 (below beta 0.1: ½·0.05²/0.1) and 0.5 (above: 0.5 − 0.05).
    loss = distance_loss(
        torch.tensor([[[0.05, 1.0, 9.0]]]),
        torch.tensor([[[0.0, 0.5, 0.0]]]),
        torch.tensor([[[0, 1, -1]]]),
    )
    assert loss.item() == pytest.approx((0.0125 + 0.45) / 2)


def test_heads_without_a_known_pixel_give_zeros_that_carry_a_gradient():
    values = torch.rand(1, 2, 2, requires_grad=True)
    nothing = torch.full((1, 2, 2), -1)
    total = foreground_loss(values, nothing) + distance_loss(values, torch.rand(1, 2, 2), nothing)
    assert total.item() == 0
    total.backward()
    assert torch.count_nonzero(values.grad) == 0


class PrintedLoss(DiscriminativeLoss):
    """The inter term as the slides print it, with the sign reversed: [d − 2δ]₊²."""

    def __call__(self, vectors, objects, pairs):
        means = objects.mean(vectors)
        apart = torch.linalg.vector_norm(means[pairs[:, 0]] - means[pairs[:, 1]], dim=1)
        over = torch.relu(apart - 2 * self.delta_dist).square()
        return super().__call__(vectors, objects, pairs)._replace(inter=over.mean())


def smallest_gap(loss, spread):
    """Optimise six objects of three pixels freely; return the smallest distance of two means."""
    labels = image_of(np.repeat(np.arange(1, 7), 3).tolist())
    objects = Objects.from_labels(labels)
    pairs = objects.all_pairs()
    generator = torch.Generator().manual_seed(0)
    vectors = (spread * torch.randn(18, 4, generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([vectors], lr=0.1)
    for _ in range(200):
        terms = loss(vectors, objects, pairs)
        optimiser.zero_grad()
        (terms.intra + terms.inter).backward()
        optimiser.step()
    return torch.pdist(objects.mean(vectors.detach())).min().item(), terms.inter.item()


@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_published_inter_term_separates_and_the_printed_one_collapses(spread):
    gap, inter = smallest_gap(EUCLIDEAN, spread)
    assert gap >= 2 * EUCLIDEAN.delta_dist - 0.05
    assert inter < 1e-3
    gap, inter = smallest_gap(PrintedLoss(), spread)
    assert inter < 1e-3, "the printed form is content …"
    assert gap < EUCLIDEAN.delta_dist, "… with objects on top of each other"


def test_unknown_pixels_count_as_background_as_much_as_they_are_told_to():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    labels = torch.tensor([[1, 0, -1]])
    left_out = foreground_loss(logits[:, :2], labels[:, :2])
    assert foreground_loss(logits, labels) == left_out
    as_background = foreground_loss(logits, labels.clamp(min=0))
    assert torch.isclose(foreground_loss(logits, labels, unlabelled_weight=1.0), as_background)
    assert left_out < foreground_loss(logits, labels, unlabelled_weight=0.1) < as_background


def output_of(embedding, foreground, distance):
    return NetworkOutput(*(torch.as_tensor(x)[None] for x in (embedding, foreground, distance)))


def test_imitation_is_least_where_the_outputs_agree():
    torch.manual_seed(0)
    taught = output_of(torch.randn(3, 4, 5), torch.randn(4, 5), torch.rand(4, 5))
    own = NetworkOutput(*(t.clone().requires_grad_() for t in taught))
    loss = imitation_loss(own, taught)
    loss.backward()
    assert all(t.grad.abs().max() < 1e-6 for t in own)
    for name in taught._fields:
        changed = taught._replace(**{name: getattr(taught, name) + 0.5})
        assert imitation_loss(changed, taught) > loss + 1e-3


def test_vectors_of_the_background_are_not_imitated():
    sure = torch.tensor([[30.0, -30.0]])  # foreground, background
    taught = output_of(torch.zeros(2, 1, 2), sure, torch.zeros(1, 2))
    apart = taught.embedding.clone()
    apart[..., 1] = 100.0
    same = imitation_loss(taught, taught)
    assert imitation_loss(taught._replace(embedding=apart), taught) < 1e-6 + same


@pytest.mark.parametrize("seed", range(5))
def test_neighbour_pairs_are_those_that_are_looked_up_one_by_one(seed):
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.integers(-2, 9, (3, 6, 7)))
    objects = Objects.from_labels(labels, min_pixels=3)
    neighbours = [torch.from_numpy(rng.integers(1, 12, (n, 2))) for n in (20, 0, 9)]
    known = list(zip(objects.image.tolist(), objects.label.tolist(), strict=True))
    expected = [
        (known.index((b, i)), known.index((b, j)))
        for b, pairs in enumerate(neighbours)
        for i, j in pairs.tolist()
        if (b, i) in known and (b, j) in known
    ]
    assert expected
    found = objects.neighbour_pairs(neighbours).tolist()
    assert [tuple(pair) for pair in found] == expected + [(j, i) for i, j in expected]


def test_pixels_of_no_known_object_count_as_foreground_and_for_nothing_else():
    labels = torch.tensor([[[1, 1, -3, -3, 0]]])
    logits, distance = torch.zeros(1, 1, 5), torch.zeros(1, 1, 5)
    as_object = torch.where(labels == -3, 2, labels)
    for weight in (0.0, 0.1):
        assert foreground_loss(logits, labels, weight) == foreground_loss(logits, as_object, weight)
    spoilt = torch.where(labels == -3, 1e6, distance)
    assert distance_loss(spoilt, distance, labels) == distance_loss(distance, distance, labels)
    assert Objects.from_labels(labels).label.tolist() == [1]
