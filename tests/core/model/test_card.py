"""Cards of models, bundled and the user's."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.model.card import read_card, read_scores
from napari_pixel_embedding.core.model.config import ModelFileError, list_models
from napari_pixel_embedding.core.model.model_file import save_model

TABLE = """# a model

What it is
for.

| | bandwidth | images | AP@0.5 | \\|DiC\\| |
|---|---|---|---|---|
| nuclei | 2 | 130 | 0.781 | 3.76 |
| – chosen on `train` | 2.5 | 130 | 0.782 | 3.95 |
| tissue | 2 | 19 | 0.567 | 7.21 |
"""


def test_scores_are_those_with_the_file_s_own_parameters():
    scores = read_scores(TABLE)
    assert [(one.images, one.count) for one in scores] == [("nuclei", "130"), ("tissue", "19")]
    assert scores[0].values == {"AP@0.5": "0.781", "|DiC|": "3.76"}


@pytest.mark.parametrize("text", ["", "no table", "| a | b |\n|---|---|\n| 1 | 2 |"])
def test_a_card_without_such_a_table_has_no_scores(text):
    assert read_scores(text) == ()


@pytest.mark.parametrize("name", list_models())
def test_cards_of_bundled_models_are_complete(name):
    card = read_card(name)
    assert card.title == name
    assert card.purpose.endswith(".")
    assert "\n" not in card.purpose
    assert card.diameter.endswith(" px")
    assert card.config.licence
    assert card.scores
    assert all(0 < float(score.values["AP@0.5"]) < 1 for score in card.scores)
    assert all(int(score.count) > 0 for score in card.scores)
    assert card.thumbnail is not None
    assert card.thumbnail.read_bytes().startswith(b"\x89PNG")
    assert card.thumbnail.stat().st_size <= 15_000


def test_the_volume_model_says_so():
    assert read_card("volume").dimensions == "3-D, 1 channel"
    assert read_card("generic").dimensions == "2-D, 3 channels"


def test_a_file_s_card_is_from_its_configuration(tmp_path, tiny_model):
    model = tiny_model(
        description="Yeast in bright field. " * 40,
        licence="mine",
        provenance={"parent_model": "generic", "steps": 60, "losses": [1, 2]},
    )
    path = save_model(model, tmp_path / "yeast")
    card = read_card(path)
    assert card.title == "yeast.safetensors"
    assert card.purpose.startswith("Yeast in bright field.")
    assert card.purpose.endswith(" …")
    assert len(card.purpose) <= 402
    assert card.origin == (("parent model", "generic"), ("steps", "60"))
    assert (card.scores, card.thumbnail, card.diameter) == ((), None, "")


def test_a_broken_file_has_no_card(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"hello")
    with pytest.raises(ModelFileError):
        read_card(path)
