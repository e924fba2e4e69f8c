"""Networks that predict an embedding vector, foreground and distance for every pixel.

``EmbeddingUNet`` is a U-Net (Ronneberger et al., MICCAI 2015) with three heads. ``WNet``
puts a second U-Net behind a first one, which regresses the distance map and whose normalised
features are concatenated to the image (Wu, Chen & Merhof, ECCV workshops 2020).

Batch normalisation instead of group normalisation keeps the output of a pixel independent
of the tile it was computed in, once half the halo covers the receptive field, and a training
step takes 0.7 of the CPU time (``benchmarks/normalisation.py``).
"""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.core.model.config import Frozen, ModelConfig

_CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_UPCONV: dict[int, type[nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORM: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL: dict[int, Callable[..., Tensor]] = {2: F.max_pool2d, 3: F.max_pool3d}


class NetworkOutput(NamedTuple):
    """Raw outputs of a network for a batch.

    ``embedding`` has axes (B, E, [Z,] Y, X); ``foreground`` (logits) and ``distance``
    (B, [Z,] Y, X).
    """

    embedding: Tensor
    foreground: Tensor
    distance: Tensor


class EmbeddingUNet(nn.Module):
    """U-Net (Ronneberger et al., 2015) with heads for embedding, foreground and distance.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    embedding_dim : int
        Components of the embedding vector.
    base_width : int
        Feature channels at full resolution; every pooling doubles them.
    depth : int
        Number of poolings. A network with ``l`` poolings separates at most ``4**l``
        identical objects (Rumberger et al., ICCV 2021).
    ndim : {2, 3}
        Number of spatial axes.
    stem_stride : {1, 2}
        With 2 a first convolution halves the resolution, and each head doubles it again.
    extra_channels : int
        Feature channels that a subclass concatenates to the image before the backbone.
    """

    def __init__(
        self,
        in_channels: int = 1,
        embedding_dim: int = 16,
        base_width: int = 16,
        depth: int = 4,
        ndim: int = 2,
        stem_stride: int = 1,
        *,
        extra_channels: int = 0,
    ) -> None:
        super().__init__()
        self.stem = _stem(in_channels, base_width, ndim) if stem_stride == 2 else nn.Identity()
        self.image_channels = base_width if stem_stride == 2 else in_channels
        self.backbone = UNetBackbone(self.image_channels + extra_channels, base_width, depth, ndim)
        self.embedding = _head(base_width, embedding_dim, ndim, stem_stride)
        self.foreground = _head(base_width, 1, ndim, stem_stride)
        self.distance = _head(base_width, 1, ndim, stem_stride)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Map an image (B, C, [Z,] Y, X), sides multiples of its stride, to its outputs."""
        features = self.backbone(self.stem(image))
        return NetworkOutput(
            self.embedding(features),
            self.foreground(features).squeeze(1),
            self.distance(features).squeeze(1),
        )


class WNet(EmbeddingUNet):
    """Two U-Nets: the first regresses distance, the second embeds with its features.

    See Wu, Chen & Merhof, ECCV workshops 2020. Parameters are those of :class:`EmbeddingUNet`, for
    each of the two U-Nets; they share the stem.
    """

    def __init__(
        self,
        in_channels: int = 1,
        embedding_dim: int = 16,
        base_width: int = 16,
        depth: int = 4,
        ndim: int = 2,
        stem_stride: int = 1,
    ) -> None:
        super().__init__(
            in_channels,
            embedding_dim,
            base_width,
            depth,
            ndim,
            stem_stride,
            extra_channels=base_width,
        )
        self.distance_backbone = UNetBackbone(self.image_channels, base_width, depth, ndim)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Map an image (B, C, [Z,] Y, X), sides multiples of its stride, to its outputs."""
        image = self.stem(image)
        distance_features = self.distance_backbone(image)
        normalised = F.normalize(distance_features, dim=1, eps=1e-4)
        features = self.backbone(torch.cat([image, normalised], dim=1))
        return NetworkOutput(
            self.embedding(features),
            self.foreground(distance_features).squeeze(1),
            self.distance(distance_features).squeeze(1),
        )


class UNetBackbone(nn.Module):
    """Encoder and decoder with skip connections: image in, ``base_width`` features out."""

    def __init__(self, in_channels: int, base_width: int, depth: int, ndim: int) -> None:
        super().__init__()
        self.ndim = ndim
        widths = [base_width * 2**level for level in range(depth + 1)]
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            _block(i, o, ndim) for i, o in zip(inputs, widths, strict=True)
        )
        self.up = nn.ModuleList(
            _UPCONV[ndim](wide, narrow, kernel_size=2, stride=2)
            for narrow, wide in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(_block(2 * width, width, ndim) for width in widths[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, [Z,] Y, X) to features (B, base_width, [Z,] Y, X)."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else _POOL[self.ndim](x, 2))
            skips.append(x)
        skips.pop()
        for up, block in zip(reversed(self.up), reversed(self.decoder), strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return x


ARCHITECTURES: dict[str, type[EmbeddingUNet]] = {"unet": EmbeddingUNet, "wnet": WNet}
"""Networks that a model file may name; no other is built from a file."""


def build_network(config: ModelConfig) -> nn.Module:
    """Build the network a configuration describes, with random weights."""
    return ARCHITECTURES[config.architecture](
        config.in_channels,
        config.embedding_dim,
        config.base_width,
        config.depth,
        config.ndim,
        config.stem_stride,
    )


def freeze(network: nn.Module, frozen: Frozen) -> None:
    """Disable gradients for nothing, the encoder, or all stages but the heads."""
    stages = {"nothing": (), "encoder": ("encoder",), "backbone": ("encoder", "up", "decoder")}
    if frozen not in stages:
        raise ValueError(f"frozen must be one of {', '.join(stages)}, found {frozen!r}.")
    for module in network.modules():
        if isinstance(module, UNetBackbone):
            for stage in stages[frozen]:
                module.get_submodule(stage).requires_grad_(False)


def for_inference(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy of a network on ``device``, with batch norms folded into convolutions.

    The copy gives the same outputs up to rounding, in 0.6 of the CPU time
    (``benchmarks/normalisation.py``).
    """
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
    copied = copied.to(device)
    is_flat = any(isinstance(module, nn.Conv2d) for module in copied.modules())
    return copied.to(memory_format=torch.channels_last) if is_flat else copied  # type: ignore[call-overload]


def _fold(layers: nn.Sequential) -> None:
    for position in range(len(layers) - 1):
        convolution, norm = layers[position], layers[position + 1]
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            layers[position] = fuse_conv_bn_eval(convolution, norm)  # type: ignore[type-var]
            layers[position + 1] = nn.Identity()


def _block(in_channels: int, out_channels: int, ndim: int) -> nn.Sequential:
    return nn.Sequential(
        *_conv_norm_relu(in_channels, out_channels, ndim),
        *_conv_norm_relu(out_channels, out_channels, ndim),
    )


def _stem(in_channels: int, out_channels: int, ndim: int) -> nn.Sequential:
    """Return a strided convolution block that halves the resolution."""
    return nn.Sequential(*_conv_norm_relu(in_channels, out_channels, ndim, stride=2))


def _head(in_channels: int, out_channels: int, ndim: int, stride: int) -> nn.Sequential:
    """Return an output head; behind a strided stem it upsamples its outputs by 2."""
    last = _CONV[ndim] if stride == 1 else _UPCONV[ndim]
    return nn.Sequential(
        *_conv_norm_relu(in_channels, in_channels, ndim),
        last(in_channels, out_channels, kernel_size=stride, stride=stride),
    )


def _conv_norm_relu(
    in_channels: int, out_channels: int, ndim: int, stride: int = 1
) -> tuple[nn.Module, ...]:
    return (
        _CONV[ndim](in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
        _NORM[ndim](out_channels),
        nn.ReLU(inplace=True),
    )
