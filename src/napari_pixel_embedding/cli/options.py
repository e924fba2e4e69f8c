"""Options that several commands share, and options made from the fields of a configuration."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, Option

import napari_pixel_embedding as npe
from napari_pixel_embedding.core.datasets.pairs import names_where
from napari_pixel_embedding.core.features.source import (
    NAME,
    FeatureConfig,
    FeatureSource,
    features_named,
)
from napari_pixel_embedding.core.inference.channels import COLOR_CHANNELS
from napari_pixel_embedding.core.model.config import list_models
from napari_pixel_embedding.core.parameters import Parameter, parameters_of

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import Space
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

DataFolder = Annotated[Path, Argument(help="Folder that holds images/ and masks/.")]
ModelOutput = Annotated[Path, Option(help="Model file to write.")]
Axes = Annotated[
    str | None, Option(help="Axes of the images: YX, YXC, TYX, ZYX and such, in any order.")
]
Channel = Annotated[
    str | None,
    Option(
        help="The one channel to use: its number from 0, as napari shows it; or of colour pictures "
        f"{', '.join(COLOR_CHANNELS[:-1])} or {COLOR_CHANNELS[-1]}.",
        show_default="as many as the model takes; colours as grey",
    ),
]
Device = Annotated[str, Option(help="auto, cpu, cuda or mps.")]
Model = Annotated[
    str,
    Option(
        help=f"A bundled model ({', '.join(list_models())}), or a file: .safetensors, .zip of "
        "BioImage.IO, or .onnx of another program."
    ),
]
Declaration = Annotated[
    Path | None,
    Option(
        metavar="FILE.toml",
        help="What the channels of an .onnx file mean.",
        show_default="NAME.toml beside it",
    ),
]
Diameter = Annotated[
    float | None,
    Option(
        metavar="PIXELS",
        help="Typical diameter of an object in the images, which are resampled to the diameter "
        "that the model knows.",
        show_default="as the model's configuration says",
    ),
]
Augment = Annotated[
    Literal["1", "4", "8"],
    Option(
        help="Predict on this many flipped and, with 8, turned copies of each image, and average: "
        "a little better, at that many times the cost."
    ),
]
Method = Annotated[
    Literal["mean_shift", "mutex"],
    Option(help="Connected mean shift, or mutex watershed, which needs the extra [mutex]."),
]
Spacing = Annotated[
    str | None,
    Option(
        metavar="SIZES",
        help="Size of a pixel along each axis, such as 0.5,0.5 (Y,X) or 2,0.5,0.5 (Z,Y,X).",
        show_default="as stored in the files",
    ),
]
SplitMasks = Annotated[
    bool | None,
    Option(
        "--split-masks/--keep-masks",
        help="Where one id covers several separate pieces, as in binary masks: make every piece "
        "an object, or take the ids as they are.",
        show_default="such masks are refused",
    ),
]
Index = Annotated[Path | None, Option(help="A CSV table with a column 'name'.")]
Where = Annotated[
    list[str] | None,
    Option(
        metavar="COLUMN=VALUE...",
        help="Use only the pairs whose row of the table has these values.",
    ),
]


def selected_names(index: Path | None, where: list[str] | None) -> list[str] | None:
    """Return the names of the selected pairs; None for all of them.

    Raises
    ------
    ValueError
        If ``where`` is not COLUMN=VALUE or there is no table.
    """
    where = where or []
    if index is None:
        if where:
            raise ValueError("--where needs --index, the table to look in.")
        return None
    unequal = [text for text in where if "=" not in text]
    if unequal:
        raise ValueError(f"--where expects COLUMN=VALUE, found {unequal[0]!r}.")
    return names_where(index, dict(text.split("=", 1) for text in where))


def sizes(text: str | None) -> tuple[float, ...] | None:
    """Read the value of :data:`Spacing`; raises ValueError unless it is numbers."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--spacing expects numbers such as 0.5,0.5, found {text!r}.") from error


def model_or_features(
    model: str, declaration: Path | None, features: bool, compare: "Space", objects: str
) -> "tuple[str | EmbeddingModel, ModelConfig]":
    """Return the loaded model and its configuration, or the choice of features as text."""
    if not features:
        if features_named(model) is not None:
            return model, FeatureConfig()
        loaded = npe.load_model(model, declaration=declaration)
        return loaded, loaded.config
    return str(FeatureSource.parse(f"{NAME}:{compare}:{objects}")), FeatureConfig()


def changed_params(
    config: "ModelConfig",
    diameter: float | None,
    changes: dict[str, Any],
    spacing: tuple[float, ...] | None = None,
) -> "ClusterParams | None":
    """Return a model's cluster parameters with the changes given; None without any."""
    from napari_pixel_embedding.core.inference.object_scale import usual_params

    return replace(usual_params(config, diameter, spacing), **changes) if changes else None


def takes_fields(
    config: type[Any], default: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add an option to a command for each described field of a configuration.

    The options stand where the command has ``**changes``, which receives those that were given.
    Values are not checked here: the configuration does that.

    Parameters
    ----------
    config : type
        A dataclass that :func:`~.parameters.parameters_of` can read.
    default : str, optional
        Default of all fields as shown in the help; each field's own value when None.
    """
    made = [_field_option(parameter, default) for parameter in parameters_of(config)]
    names = {option.name for option in made}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        *own, _changes = signature.parameters.values()

        @wraps(command)
        def with_changes(**values: Any) -> None:
            command(**{k: v for k, v in values.items() if k not in names or v is not None})

        with_changes.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*own, *made]
        )
        return with_changes

    return decorate


def _field_option(parameter: Parameter, default: str | None) -> inspect.Parameter:
    """Declare an option that is None unless it is given."""
    kind: Any = Literal[parameter.choices] if parameter.choices else type(parameter.default)
    described = f"{parameter.description}  [default: {default or parameter.default}]"
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, Option(help=described)],
    )
