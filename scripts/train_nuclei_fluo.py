"""Train the bundled model ``nuclei-fluo`` on the fluorescence images of DSB2018.

    python scripts/train_nuclei_fluo.py DATA [--output FOLDER]

DATA is a folder that holds ``dsb2018/`` with ``index.csv``, ``train/`` and ``dev/``, the latter two
with ``images/`` and ``masks/``. Running it again goes on where it was interrupted. At the end the
model and its card are written to the output folder; ``dev`` is used for the scores alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from napari_pixel_embedding import (
    EmbeddingModel,
    ModelConfig,
    Scores,
    TrainConfig,
    evaluate_folder,
    model_config_for,
    prepare_samples,
    save_model,
    train,
)
from napari_pixel_embedding.core.files import find_pairs, names_where
from napari_pixel_embedding.core.io import read_image, read_labels

ARCHITECTURE = model_config_for(
    "euclidean", name="nuclei-fluo", embedding_dim=8, coordinate_scale=5.0
)
TRAINING = TrainConfig(steps=5000, batch_size=4, crop=256, learning_rate=1e-3)

CARD = """# nuclei-fluo

Nuclei in two-dimensional fluorescence images of one channel, from well apart to touching.

- **System**: Euclidean discriminative embedding (De Brabandere et al., 2017), {dim} components,
  hinged between neighbours only; position is added to two of the components.
- **Network**: U-Net, {parameters:.2f} M parameters.
- **Trained on**: {images} fluorescence images of BBBC038v1 (2018 Data Science Bowl; Caicedo et al.,
  Nature Methods 16, 1247–1253, 2019) with masks corrected by the community; CC0.
- **Training**: {steps} steps of {batch} crops of {crop}² pixels, AdamW, averaged weights.
- **Scored on**: {dev_images} other fluorescence images of the same set; no tile of a field that
  has tiles among the training images. The default bandwidth and foreground threshold were
  chosen on the same images.
- **AP** at an IoU of 0.5, of 0.75, and over 0.5:0.95: {ap50:.3f}, {ap75:.3f}, {ap:.3f}.
- **SBD, |DiC|, PQ**: {sbd:.3f}, {dic:.2f}, {pq:.3f}.
- **Object size**: median diameter {diameter:.0f} pixels, most from 7 to 50; resample other scales.
- **Licence**: CC0-1.0.

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
"""


def main() -> int:
    """Train, score, and write the model with its card."""
    options = _options()
    dsb = options.data / "dsb2018"
    fluo = names_where(dsb / "index.csv", {"type": "fluo"})
    pairs = [pair for pair in find_pairs(dsb / "train") if pair.image.stem in set(fluo)]
    labels = [read_labels(pair.mask).data for pair in pairs]
    samples = prepare_samples([read_image(pair.image).data for pair in pairs], labels, ARCHITECTURE)
    model = _train(samples, options.output / "nuclei-fluo.training")
    model = EmbeddingModel(model.network, _described(model.config, len(pairs)))
    path = save_model(model, options.output / "nuclei-fluo.safetensors")
    scores = evaluate_folder(dsb / "dev", model=path, names=fluo)
    path.with_suffix(".md").write_text(_card(model, scores, len(pairs)), encoding="utf-8")
    sys.stdout.write(f"{path}\n{scores}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds dsb2018/")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder to write to")
    return parser.parse_args()


def _train(samples: list, checkpoint: Path) -> EmbeddingModel:
    progress = train(
        EmbeddingModel.untrained(ARCHITECTURE), samples, TRAINING, checkpoint=checkpoint
    )
    bar = tqdm(total=TRAINING.steps, unit="step", mininterval=5)
    for state in progress:
        bar.update(state.step - bar.n)
        bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in state.losses.items()), False)
    return state.model


def _described(config: ModelConfig, images: int) -> ModelConfig:
    return replace(
        config,
        object_diameter=20.0,
        cluster={"bandwidth": 2.0, "foreground_threshold": 0.55},
        description="Nuclei in 2-D fluorescence images of one channel.",
        licence="CC0-1.0",
        provenance={
            "system": "Euclidean discriminative embedding with coordinates",
            "data": "BBBC038v1 (2018 Data Science Bowl), fluorescence training images, CC0",
            "training_images": images,
            "steps": TRAINING.steps,
            "batch_size": TRAINING.batch_size,
            "crop": TRAINING.crop,
        },
    )


def _card(model: EmbeddingModel, scores: Scores, images: int) -> str:
    parameters = sum(p.numel() for p in model.network.parameters())
    return CARD.format(
        dim=model.config.embedding_dim,
        parameters=parameters / 1e6,
        images=images,
        dev_images=scores.images,
        steps=TRAINING.steps,
        batch=TRAINING.batch_size,
        crop=TRAINING.crop,
        diameter=model.config.object_diameter,
        **{k: getattr(scores, k) for k in ("ap50", "ap75", "ap", "sbd", "dic", "pq")},
    )


if __name__ == "__main__":
    raise SystemExit(main())
