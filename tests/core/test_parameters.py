"""What no configuration takes, from whichever side it comes, and what is said about it."""

import json
import math
import pickle
import struct
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.datasets.synthetic.config import SyntheticConfig
from napari_pixel_embedding.core.fine_tuning import job_folder
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.model.config import FORMAT, ModelConfig, read_config
from napari_pixel_embedding.core.parameters import (
    Parameter,
    configuration,
    parameters_of,
    read_configuration,
)
from napari_pixel_embedding.core.training.config import Augmentation, LossConfig, TrainConfig
from napari_pixel_embedding.core.training.recipe import DataSelection, Recipe, parse_recipe
from napari_pixel_embedding.core.training.request import TrainingRequest

WHOLE: dict[type, dict] = {
    ClusterParams: {},
    LocalBandwidth: {"point": [1, 2], "bandwidth": 1.0},
    Augmentation: {},
    LossConfig: {},
    TrainConfig: {},
    FineTuneConfig: {},
    SyntheticConfig: {},
    ModelConfig: {},
    DataSelection: {},
    Recipe: {},
}
"""Every configuration, with the fields it cannot do without."""
TABLES = {
    Recipe: (),
    TrainConfig: ("training",),
    LossConfig: ("training", "loss"),
    Augmentation: ("training", "augmentation"),
    DataSelection: ("data",),
    ModelConfig: ("model",),
    ClusterParams: ("model", "cluster"),
}
"""Where a recipe says them."""
NO_NUMBERS = [math.nan, math.inf, -math.inf, True, "1"]


def unfit(spec):
    """Values that a field must not take: of another kind, not finite, or out of its bounds."""
    kinds = {get_origin(kind) or kind for kind in (spec.annotation, *get_args(spec.annotation))}
    low = next((end.ge for end in spec.metadata if hasattr(end, "ge")), None)
    high = next((end.le for end in spec.metadata if hasattr(end, "le")), None)
    if tuple in kinds:
        return [3, "12", {"a": 1}, [], [1.0] * 9, *([1, value] for value in NO_NUMBERS), [1, -1]]
    if dict in kinds:
        return [*NO_NUMBERS, 3, [1]]
    if Literal in kinds:
        return [*NO_NUMBERS, 3, "else"]
    if bool in kinds:
        return [math.nan, "1", 1, 0.0]
    if str in kinds:
        return [*NO_NUMBERS[:-1], 3, ["a"]]
    if int in kinds or float in kinds:
        assert low is not None and high is not None, "every number has bounds"
        return [*NO_NUMBERS, low - 1, high * 2 + 1, [1], *([1.5, 1.0] if int in kinds else [])]
    return [*NO_NUMBERS, 3, [1]]  # a configuration


CASES = [
    pytest.param(config, name, unfit(spec), id=f"{config.__name__}.{name}")
    for config in WHOLE
    for name, spec in config.__pydantic_fields__.items()
]


@pytest.mark.parametrize(("config", "name", "values"), CASES)
def test_nothing_unfit_comes_in_from_python(config, name, values):
    for value in values:
        with pytest.raises(ValueError, match=name):
            config(**{**WHOLE[config], name: value})
        if not WHOLE[config]:
            with pytest.raises(ValueError, match=name):
                replace(config(), **{name: value})


@pytest.mark.parametrize(("config", "name", "values"), CASES)
def test_nothing_unfit_comes_in_from_a_file(config, name, values):
    for value in values:
        with pytest.raises(ValueError, match=name):
            read_configuration(config, json.dumps({**WHOLE[config], name: value}))


@pytest.mark.parametrize(
    ("config", "name", "values"), [case for case in CASES if case.values[0] in TABLES]
)
def test_nothing_unfit_comes_in_from_a_recipe(config, name, values):
    for value in values:
        table = {name: value}
        for heading in reversed(TABLES[config]):
            table = {heading: table}
        with pytest.raises(ValueError, match=name):
            parse_recipe(tomli_w.dumps(table))


@pytest.mark.parametrize(
    ("name", "values"), [case.values[1:] for case in CASES if case.values[0] is ModelConfig]
)
def test_nothing_unfit_comes_in_from_a_model_file(tmp_path, name, values):
    path = tmp_path / "m.safetensors"
    for value in values:
        metadata = {"format": FORMAT, "config": json.dumps({name: value})}
        header = json.dumps({"__metadata__": metadata}).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header)
        with pytest.raises(ValueError, match=rf"m\.safetensors has a configuration .*{name}"):
            read_config(path)


@pytest.fixture
def training_request(tmp_path):
    """Change the request of a training in its folder."""
    request = TrainingRequest(Recipe(), TrainingPairs([], []), Path("m.safetensors"))
    request.save(tmp_path)
    file = tmp_path / "request.json"
    values = json.loads(file.read_text())

    def change(section, name, value):
        target = values
        for heading in section:
            target = target[heading]
        target[name] = value
        file.write_text(json.dumps(values))
        return tmp_path

    return change


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        *((("recipe", "training"), "ema_decay", value) for value in NO_NUMBERS),
        (("recipe", "training"), "steps", 3.0),
        (("recipe", "model"), "embedding_dim", "8"),
        ((), "split", [1]),
        (("split",), "train", [["only one"]]),
        ((), "output", 3),
        ((), "device", True),
        ((), "stepz", 3),
    ],
)
def test_nothing_unfit_comes_in_from_the_request_of_a_training(
    training_request, section, name, value
):
    with pytest.raises(ValueError, match=name):
        TrainingRequest.load(training_request(section, name, value))


TUNING = job_folder._Request(
    config=FineTuneConfig(),
    axes=("YX", None),
    spacing=((0.5, 0.5), None),
    diameter=20.0,
    device="cpu",
    names=("a",),
    model="m",
)


def written(folder, **changes):
    values = json.loads(TypeAdapter(job_folder._Request).dump_json(TUNING))
    (folder / "request.json").write_text(json.dumps(values | changes))
    return folder


def test_the_request_of_a_fine_tuning_survives_being_written(tmp_path):
    assert job_folder._read_request(written(tmp_path)) == TUNING


@pytest.mark.parametrize(
    "changes",
    [
        *({"config": {"learning_rate": value}} for value in NO_NUMBERS),
        *({"diameter": value} for value in NO_NUMBERS),
        *({"spacing": [[1.0, value]]} for value in (*NO_NUMBERS, 0.0, -1.0)),
        {"axes": "YX"},
        {"names": [3]},
        {"model": None},
        {"color": 1},
    ],
    ids=repr,
)
def test_nothing_unfit_comes_in_from_the_request_of_a_fine_tuning(tmp_path, changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        job_folder._read_request(written(tmp_path, **changes))


one_value = st.none() | st.booleans() | st.floats() | st.integers() | st.text("1a", max_size=3)
values_of_any_kind = one_value | st.lists(one_value, max_size=3)


@given(data=st.data(), config=st.sampled_from(list(WHOLE)))
def test_what_comes_in_is_finite_and_can_be_written_and_read(data, config):
    names = st.sampled_from([spec.name for spec in fields(config)])
    values = data.draw(st.dictionaries(names, values_of_any_kind, max_size=3))
    try:
        found = read_configuration(config, json.dumps({**WHOLE[config], **values}))
    except ValueError:
        return
    for name in values.keys() - {"provenance"}:
        value = getattr(found, name)
        assert not isinstance(value, float) or math.isfinite(value)
    assert read_configuration(config, TypeAdapter(config).dump_json(found)) == found


@configuration
class Blur:
    """An example."""

    width: float = Field(default=1.0, ge=0, le=20, title="Blur", description="Width of it.")
    times: Annotated[int, Field(ge=1, le=3)] = 1
    kind: Literal["gauss", "box"] = Field(default="box", title="Kind", description="Of blur.")


@configuration
class Picture:
    """An example with an example in it."""

    size: tuple[int, int]
    blur: Blur = Blur()

    def __post_init__(self) -> None:
        if self.size[0] != self.size[1]:
            raise ValueError(f"size must be square, found {self.size}.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"size": [1, 1], "blur": {"width": 21}}', "blur.width must be from 0 to 20, found 21."),
        (
            '{"size": [1, 1], "blur": {"times": 2.0}}',
            "blur.times must be a whole number from 1 to 3, found 2.0.",
        ),
        ('{"size": [1, 1], "blur": {"kind": 3}}', "blur.kind must be one of gauss, box, found 3."),
        (
            '{"size": [1, 1], "blur": {"with": 1}}',
            "there is no entry 'blur.with'. Did you mean 'width'?",
        ),
        ('{"size": [1, 1], "x": 1}', "there is no entry 'x'. Known here: size, blur."),
        ('{"size": [1, 1], "blur": 3}', "blur must be a table, found 3."),
        ('{"size": [1]}', "size must be a list of 2 numbers, found [1]."),
        ('{"size": [1, 2, 3]}', "size must be a list of 2 numbers, found [1, 2, 3]."),
        ('{"size": [1, "a"]}', "size[1] must be a whole number, found 'a'."),
        ('{"size": [1, 2]}', "size must be square, found (1, 2)."),
        ("{}", "size is missing."),
        ("[]", "the configuration must be a table, found []."),
        ("{", "expected JSON, found an error: EOF while parsing an object at line 1 column 1."),
    ],
)
def test_an_error_names_the_field_what_was_expected_and_what_was_found(text, said):
    with pytest.raises(ValueError) as error:
        read_configuration(Picture, text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Blur(21), "width must be from 0 to 20, found 21."),
        (lambda: Blur(width=21), "width must be from 0 to 20, found 21."),
        (lambda: Blur(with_=1), "there is no entry 'with_'. Did you mean 'width'?"),
        (lambda: Picture(), "size is missing."),
        (lambda: Picture((1, 1), {"width": 1.0}), "blur must be a Blur, found {'width': 1.0}."),
    ],
)
def test_python_has_the_same_errors(make, said):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == said


def test_a_long_value_is_not_repeated_in_full():
    with pytest.raises(ValueError, match=r"found 'aaa.*\.\.\..*aaa'") as error:
        ModelConfig(name="a" * 10_000)
    assert len(str(error.value)) < 200


def test_a_configuration_is_a_frozen_dataclass():
    blur = Blur(width=2)
    assert (type(blur.width), blur.width) == (float, 2)
    assert asdict(blur) == {"width": 2.0, "times": 1, "kind": "box"}
    assert pickle.loads(pickle.dumps(blur)) == blur
    assert hash(blur) == hash(replace(Blur(), width=2.0))
    with pytest.raises(FrozenInstanceError):
        blur.width = 3.0


def test_numpy_s_numbers_and_arrays_are_taken_as_python_s():
    found = Picture(np.array([3, 3]), Blur(np.float32(0.5), np.int64(2)))
    assert found == Picture((3, 3), Blur(0.5, 2))
    assert [type(n) for n in (*found.size, found.blur.width, found.blur.times)] == [
        int,
        int,
        float,
        int,
    ]


def test_fields_with_a_title_are_parameters():
    assert parameters_of(Blur(width=5.0)) == (
        Parameter("width", "Blur", "Width of it.", 1.0, 0, 20),
        Parameter("kind", "Kind", "Of blur.", "box", choices=("gauss", "box")),
    )
    low_high = [(p.low, p.high) for p in parameters_of(ClusterParams) if p.name == "bandwidth"]
    assert low_high == [(0.5, 3.0)], "not its bounds, but the range that is of use"
