"""Options that are made from a configuration, and the choice of pairs."""

from typing import Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from napari_pixel_embedding.cli.options import selected_names, takes_fields
from napari_pixel_embedding.core.clustering import ClusterParams
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.parameters import configuration, parameters_of
from napari_pixel_embedding.core.training.config import TrainConfig


@configuration
class Config:
    step_count: int = Field(default=3, ge=0, le=9, title="Steps", description="How many.")
    rate: float = Field(default=0.5, ge=0, le=1, title="Rate", description="How fast.")
    kind: Literal["a", "b"] = Field(default="a", title="Kind", description="Which.")
    hidden: int = 7


def invoke(*arguments, default=None):
    """Run a command made from Config; return what it was called with, and what it printed."""
    seen = {}

    @takes_fields(Config, default)
    def command(name: str, **changes: object) -> None:
        seen.update(name=name, changes=changes)

    app = typer.Typer(rich_markup_mode=None)
    app.command()(command)
    return seen, CliRunner().invoke(app, ["x", *arguments]).output


def test_only_what_was_given_is_handed_on_in_its_own_type():
    assert invoke()[0] == {"name": "x", "changes": {}}
    seen, _ = invoke("--step-count", "0", "--rate", "1", "--kind", "b")
    assert seen["changes"] == {"step_count": 0, "rate": 1.0, "kind": "b"}
    assert type(seen["changes"]["rate"]) is float


@pytest.mark.parametrize(
    "arguments", [("--step-count", "0.5"), ("--kind", "c"), ("--hidden", "1"), ("--rate", "fast")]
)
def test_what_a_field_cannot_hold_is_wrong_use(arguments):
    seen, printed = invoke(*arguments)
    assert seen == {}
    assert arguments[0] in printed


def test_ranges_are_left_to_the_configuration():
    assert invoke("--rate", "-5")[0]["changes"] == {"rate": -5.0}


def test_help_tells_what_a_field_means_and_its_default():
    printed = " ".join(invoke("--help")[1].split())
    assert "How many. [default: 3]" in printed
    assert "Which. [default: a]" in printed
    assert "hidden" not in printed
    assert "How fast. [default: the model's own]" in " ".join(
        invoke("--help", default="the model's own")[1].split()
    )


@pytest.mark.parametrize(
    ("command", "config"),
    [
        ("segment", ClusterParams),
        ("evaluate", ClusterParams),
        ("train", TrainConfig),
        ("finetune", FineTuneConfig),
        ("synthesise", SyntheticConfig),
    ],
)
def test_each_described_field_is_an_option(run, capsys, command, config):
    run(command, "--help")
    printed = capsys.readouterr().out
    for parameter in parameters_of(config):
        assert f"--{parameter.name.replace('_', '-')} " in printed


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text("name,type,split\na,fluo,dev\nb,fluo,train\n", encoding="utf-8")
    return path


def test_pairs_are_chosen_from_a_table(table):
    assert selected_names(None, None) is None
    assert selected_names(table, None) == ["a", "b"]
    assert selected_names(table, ["type=fluo", "split=dev"]) == ["a"]


def test_a_choice_of_pairs_needs_a_table_and_a_value(table):
    with pytest.raises(ValueError, match="--where needs --index"):
        selected_names(None, ["type=fluo"])
    with pytest.raises(ValueError, match="--where expects COLUMN=VALUE, found 'fluo'"):
        selected_names(table, ["fluo"])
