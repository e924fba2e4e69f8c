"""Networks: shapes, sizes, and what a folded copy must keep."""

import pytest
import torch
from torch import nn

from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.model.networks import (
    EmbeddingUNet,
    WNet,
    build_network,
    for_inference,
)

CASES = [
    (architecture, axes, channels)
    for architecture in ("unet", "wnet")
    for axes in ("YX", "ZYX")
    for channels in (1, 3)
]
STEMS = [1, 2]


def tiny(architecture="unet", axes="YX", channels=1, **changes):
    sizes = {"base_width": 4, "depth": 2, "embedding_dim": 5, **changes}
    return ModelConfig(architecture=architecture, axes=axes, in_channels=channels, **sizes)


def trained_statistics(network):
    """Give normalisations the statistics and weights that a training would leave."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            for values in (module.weight.data, module.running_var):
                values.uniform_(0.5, 2.0, generator=generator)
            for values in (module.bias.data, module.running_mean):
                values.uniform_(-0.5, 0.5, generator=generator)
    return network


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(("architecture", "axes", "channels"), CASES)
def test_every_pixel_gets_a_vector_a_foreground_and_a_distance(architecture, axes, channels, stem):
    config = tiny(architecture, axes, channels, depth=3 - stem, stem_stride=stem)
    pixels = (8, 12) if axes == "YX" else (4, 8, 12)
    output = build_network(config)(torch.rand(2, channels, *pixels))
    assert output.embedding.shape == (2, 5, *pixels)
    assert output.foreground.shape == output.distance.shape == (2, *pixels)


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(("architecture", "axes", "channels"), CASES)
def test_every_weight_learns_from_the_three_outputs(architecture, axes, channels, stem):
    network = build_network(tiny(architecture, axes, channels, stem_stride=stem))
    pixels = (8, 8) if axes == "YX" else (8, 8, 8)
    output = network(torch.rand(2, channels, *pixels))
    sum(part.square().mean() for part in output).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_the_w_net_s_distance_comes_from_its_first_network_alone():
    network = build_network(tiny("wnet"))
    output = network(torch.rand(1, 1, 8, 8))
    (output.distance.sum() + output.foreground.sum()).backward()
    assert all(p.grad is None for p in network.backbone.parameters())
    assert all(p.grad is not None for p in network.distance_backbone.parameters())


def w_net_with(change, image):
    """Run a W-Net whose second network is handed other features by the first one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(tiny("wnet"))
    network.distance_backbone.register_forward_hook(lambda module, inputs, out: change(out))
    with torch.inference_mode():
        return network(image)


def test_the_w_net_s_second_network_works_with_the_features_of_the_first():
    image = torch.rand(1, 1, 16, 16)
    plain, changed = w_net_with(torch.clone, image), w_net_with(lambda f: f.flip(1), image)
    difference = (plain.embedding - changed.embedding).abs().mean()
    assert difference > 0.1 * plain.embedding.abs().mean()


def test_the_w_net_s_second_network_sees_features_of_unit_length():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    plain, scaled = w_net_with(torch.clone, image), w_net_with(lambda f: 3 * f, image)
    torch.testing.assert_close(plain.embedding, scaled.embedding, rtol=1e-3, atol=1e-3)


def test_the_default_network_has_at_most_two_million_weights():
    with torch.device("meta"):
        network = build_network(ModelConfig())
    assert sum(p.numel() for p in network.parameters()) <= 2_000_000


@pytest.mark.parametrize("build", [EmbeddingUNet, WNet])
def test_depth_and_width_are_taken(build):
    network = build(in_channels=2, embedding_dim=3, base_width=4, depth=3, ndim=2)
    assert len(network.backbone.encoder) == 4
    assert network.backbone.encoder[-1][0].out_channels == 4 * 2**3
    assert network.embedding[-1].out_channels == 3


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("architecture", ["unet", "wnet"])
@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_folded_copy_gives_the_same_outputs(architecture, axes, stem):
    model = EmbeddingModel.untrained(tiny(architecture, axes, stem_stride=stem))
    network = trained_statistics(model.network)
    folded = for_inference(network, torch.device("cpu"))
    image = torch.randn(1, 1, *(8, 16, 16)[-len(axes) :])
    with torch.inference_mode():
        for expected, found in zip(network(image), folded(image), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_folding_leaves_the_original_alone():
    network = trained_statistics(build_network(tiny()))
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = for_inference(network, torch.device("cpu"))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not folded.training
    assert network.training
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_pixel_s_output_does_not_depend_on_what_is_far_away():
    network = EmbeddingModel.untrained(tiny()).network
    near = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    far = near.clone()
    far[..., 72:] = 50.0
    with torch.inference_mode():
        one, other = network.backbone(near), network.backbone(far)
    torch.testing.assert_close(one[..., :32], other[..., :32])
    assert (one[..., 64:72] - other[..., 64:72]).abs().mean() > 0.01


def test_a_stem_s_answers_lie_where_the_image_has_them():
    # Every output pixel depends on its own place in the image, and not on a shifted one.
    network = EmbeddingModel.untrained(tiny(depth=1, stem_stride=2)).network
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    network(image.requires_grad_()).foreground[0, 15, 15].backward()
    rows = image.grad[0, 0].abs().sum(1)
    centre = (rows * torch.arange(32)).sum() / rows.sum()
    assert abs(float(centre) - 15) < 1.5


def test_a_network_without_a_stem_has_the_weights_it_always_had():
    names = build_network(tiny()).state_dict().keys()
    assert not any(name.startswith("stem") for name in names)
    assert any(name.startswith("stem") for name in build_network(tiny(stem_stride=2)).state_dict())
