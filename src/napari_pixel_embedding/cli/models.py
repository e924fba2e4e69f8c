"""The commands that use, train and score models."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Exit, Option

import napari_pixel_embedding as npe
from napari_pixel_embedding.cli import console, options, recipes
from napari_pixel_embedding.core.clustering.params import ClusterParams
from napari_pixel_embedding.core.embedding.embedding_map import Space
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.model.config import DEFAULT_MODEL
from napari_pixel_embedding.core.model.presets import NetworkSize, Preset
from napari_pixel_embedding.core.training.config import TrainConfig


@options.takes_fields(ClusterParams, "the model's own")
def segment(
    context: Context,
    images: Annotated[list[Path], Argument(help="Image files or folders.")],
    output: Annotated[
        Path | None, Option(help="Folder for NAME_labels.tif.", show_default="beside each image")
    ] = None,
    axes: options.Axes = None,
    channel: options.Channel = None,
    model: options.Model = DEFAULT_MODEL,
    declaration: options.Declaration = None,
    features: Annotated[
        bool,
        Option(
            "--features",
            help="The channels of the images are features, such as those of a vision transformer: "
            "cluster them, without a model.",
        ),
    ] = False,
    compare: Annotated[
        Space, Option(help="With --features: compare vectors by distance, or by angle alone.")
    ] = "euclidean",
    objects: Annotated[
        str,
        Option(
            metavar="WHERE",
            help="With --features: objects may be everywhere, where vectors have length, or as the "
            "channel of this number says.",
        ),
    ] = "everywhere",
    diameter: options.Diameter = None,
    device: options.Device = "auto",
    augment: options.Augment = "1",
    method: options.Method = "mean_shift",
    spacing: options.Spacing = None,
    tile: recipes.Tile = None,
    local_bandwidth: recipes.OneObject = None,
    recipe: recipes.RecipeFile = None,
    allow_other_model: recipes.AllowOther = False,
    save_recipe: recipes.SaveRecipe = False,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace label files.")] = False,
    recursive: Annotated[bool, Option("--recursive", help="Also take subfolders.")] = False,
    json: recipes.JsonLines = False,
    **cluster: Any,
) -> None:
    """Find the objects in images and write a label image for each.

    Example: pixel-embedding segment plate1/ --output labels/
    """
    from napari_pixel_embedding.core.io.files import passed_over
    from napari_pixel_embedding.workflows.label_names import images_to_segment
    from napari_pixel_embedding.workflows.segment import segment_files

    settings: dict[str, Any] = {
        "method": method,
        "axes": axes,
        "channel": channel,
        "diameter": diameter,
        "augment": int(augment),
        "device": device,
        "tile": tile,
        "spacing": options.sizes(spacing),
    }
    files: dict[str, Any] = {
        "overwrite": overwrite,
        "recursive": recursive,
        "save_recipe": save_recipe,
    }
    if recipe is not None:
        how = {**files, "model": model, "allow_other_model": allow_other_model}
        results = recipes.by_recipe(context, recipe, images, output, settings, cluster, **how)
    else:
        loaded, config = options.model_or_features(model, declaration, features, compare, objects)
        results = segment_files(
            images,
            output,
            model=loaded,
            source=model,
            params=options.changed_params(config, diameter, cluster, settings["spacing"]),
            local_bandwidths=recipes.local_bandwidths(local_bandwidth),
            **settings,
            **files,
        )
    found = images_to_segment(images, recursive=recursive)
    for note in passed_over(images, recursive=recursive):
        console.print_line(note)
    done = skipped = failed = 0
    by_file = enumerate(groupby(results, lambda result: result.image), 1)
    shown = console.bar(by_file, "images", len(found))
    for number, result in ((number, one) for number, (_, several) in shown for one in several):
        if json:
            recipes.print_json(result, number, len(found))
        if result.skipped:
            skipped += 1
            console.print_line(f"{result.image}: skipped, {result.labels} is there (--overwrite).")
        elif result.error is None:
            done += 1
            console.print_line(
                f"{result.labels}: {result.objects} objects in {result.seconds:.1f} s"
            )
            for note in result.notes:
                console.print_line(f"  {note}")
        else:
            failed += 1
            place = f" position {result.position}" if result.position else ""
            console.print_error(f"{result.image}{place}: {result.error}")
    if done + skipped + failed > 1:
        console.print_line(f"{done} segmented, {skipped} skipped, {failed} failed.")
    if failed:
        raise Exit(console.FAILED)


@options.takes_fields(TrainConfig)
def train(
    folder: options.DataFolder,
    output: options.ModelOutput,
    recipe: Annotated[
        Path | None,
        Option(help="A TOML file that describes a whole training; options override it."),
    ] = None,
    preset: Annotated[
        Preset | None,
        Option(
            help="Euclidean discriminative embedding, cosine embedding with local constraints, or "
            "the latter on distance features.",
            show_default="euclidean",
        ),
    ] = None,
    size: Annotated[NetworkSize | None, Option(help="Of the network.", show_default="base")] = None,
    start: Annotated[
        str | None, Option(help="A bundled model or a model file to go on from.")
    ] = None,
    coordinate_scale: Annotated[
        float | None,
        Option(
            "--coordinates",
            metavar="PIXELS",
            help="Add the position divided by this many pixels, about half an object's radius, to "
            "the embedding; with it the Euclidean preset learns faster.",
        ),
    ] = None,
    pull_window: Annotated[
        float | None,
        Option(
            metavar="PIXELS",
            help="For filaments, chains and fibres: hold vectors together within windows of this "
            "side, some three times the width of an object, not over the whole object.",
        ),
    ] = None,
    embedding_dim: Annotated[
        int | None, Option(help="Components of a vector.", show_default="16")
    ] = None,
    base_width: Annotated[
        int | None, Option(help="Features at full resolution.", show_default="the size's")
    ] = None,
    name: Annotated[
        str | None, Option(help="Name of the model.", show_default="the output's name")
    ] = None,
    description: Annotated[str | None, Option(help="A line about the model.")] = None,
    licence: Annotated[str | None, Option(help="Licence of the model.")] = None,
    validation: Annotated[
        Path | None,
        Option(
            help="Another such folder, to choose the best step by.", show_default="every tenth pair"
        ),
    ] = None,
    index: options.Index = None,
    where: options.Where = None,
    split_masks: options.SplitMasks = None,
    device: options.Device = "auto",
    **training: Any,
) -> None:
    """Train a model on a folder with images/ and masks/ of the same names.

    An interrupted training goes on when the same command is given again.

    Example: pixel-embedding train my_data/ --output my_model.safetensors
    """
    from napari_pixel_embedding.core.model.model_file import model_path
    from napari_pixel_embedding.core.training.recipe import Recipe, load_recipe
    from napari_pixel_embedding.core.training.train_folder import train_from_folder

    chosen = Recipe() if recipe is None else load_recipe(recipe)
    chosen = replace(chosen, training=replace(chosen.training, **training))
    choices = {
        "preset": preset,
        "size": size,
        "start": start,
        "coordinate_scale": coordinate_scale,
        "pull_window": pull_window,
        "embedding_dim": embedding_dim,
        "base_width": base_width,
        "name": name or (output.stem if chosen.name == Recipe.name else None),
        "description": description,
        "licence": licence,
        "validation": validation,
        "names": options.selected_names(index, where),
        "split_masks": split_masks,
    }
    given = {option: value for option, value in choices.items() if value is not None}
    arguments = {**chosen.arguments(folder), **given}
    console.follow(train_from_folder(output=output, device=device, **arguments))
    console.print_line(f"{model_path(output)}: trained.")


@options.takes_fields(FineTuneConfig)
def finetune(
    context: Context,
    output: options.ModelOutput,
    folder: Annotated[
        Path | None, Argument(help="Folder that holds images/ and, as corrections, masks/.")
    ] = None,
    image: Annotated[
        list[Path] | None, Option(metavar="PATH...", help="Image files, in place of a folder.")
    ] = None,
    corrections: Annotated[
        list[Path] | None, Option(metavar="PATH...", help="One label image for each image file.")
    ] = None,
    replay_data: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            help="Folder that holds images/ and masks/ of what the model is not to forget.",
            show_default="the samples that come with the bundled model it descends from",
        ),
    ] = None,
    axes: options.Axes = None,
    channel: options.Channel = None,
    model: options.Model = DEFAULT_MODEL,
    diameter: options.Diameter = None,
    split_masks: options.SplitMasks = None,
    device: options.Device = "auto",
    **tuning: Any,
) -> None:
    """Tune a model on a few corrected images.

    Corrections are label images; pixels of value −1 are not corrected and are ignored.

    Example: pixel-embedding finetune --image a.tif --corrections a_labels.tif --output mine
    """
    from napari_pixel_embedding.core.model.model_file import model_path
    from napari_pixel_embedding.workflows.fine_tune import fine_tune_files

    images, masks = _files_to_learn_from(context, folder, image, corrections)
    run = fine_tune_files(
        images,
        masks,
        output,
        model=model,
        config=FineTuneConfig(**tuning),
        axes=axes,
        channel=channel,
        diameter=diameter,
        device=device,
        replay=replay_data,
        split_masks=split_masks,
    )
    last = console.follow(run)
    if last is not None and last.report is not None:
        console.print_report(last.report)
    console.print_line(f"{model_path(output)}: tuned.")


def _files_to_learn_from(
    context: Context, folder: Path | None, images: list[Path] | None, masks: list[Path] | None
) -> tuple[list[Path], list[Path]]:
    from napari_pixel_embedding.core.datasets.pairs import find_pairs

    if folder is not None and images is None and masks is None:
        pairs = find_pairs(folder)
        return [pair.image for pair in pairs], [pair.mask for pair in pairs]
    if folder is None and images is not None and masks is not None:
        return images, masks
    context.fail("expected a folder, or else --image and --corrections")


@options.takes_fields(ClusterParams, "the model's own")
def evaluate(
    folder: options.DataFolder,
    index: options.Index = None,
    where: options.Where = None,
    channel: options.Channel = None,
    split_masks: options.SplitMasks = None,
    model: options.Model = DEFAULT_MODEL,
    declaration: options.Declaration = None,
    diameter: options.Diameter = None,
    device: options.Device = "auto",
    no_distance_seeds: Annotated[
        bool,
        Option(
            "--no-distance-seeds",
            help="Cluster the embedding alone, without seeds from the distance map.",
        ),
    ] = False,
    augment: options.Augment = "1",
    method: options.Method = "mean_shift",
    **cluster: Any,
) -> None:
    """Score a model on a folder with images/ and masks/ of the same names.

    Example: pixel-embedding evaluate dsb2018/dev --index dsb2018/index.csv --where type=fluo
    """
    from napari_pixel_embedding.workflows.evaluate import evaluate_folder

    loaded = npe.load_model(model, declaration=declaration)
    with console.percent_bar("evaluate") as progress:
        scores = evaluate_folder(
            folder,
            model=loaded,
            params=options.changed_params(loaded.config, diameter, cluster),
            method=method,
            names=options.selected_names(index, where),
            channel=channel,
            diameter=diameter,
            augment=int(augment),
            device=device,
            progress=progress,
            distance_seeds=not no_distance_seeds,
            split_masks=split_masks,
        )
    console.print_scores(scores)


def info() -> None:
    """Print versions, devices, memory and models, for the report of a problem.

    Example: pixel-embedding info
    """
    from napari_pixel_embedding.core.diagnostics import diagnostics

    print(diagnostics())


def demo(
    sample: Annotated[str, Option(help="Which sample to open.")] = "phase-contrast",
    screenshot: Annotated[
        Path | None,
        Option(
            help="Drive the window through one round of work, write a picture of it, and leave."
        ),
    ] = None,
) -> None:
    """Open napari on a sample, segmented by a bundled model.

    Example: pixel-embedding demo
    """
    import importlib.util

    if importlib.util.find_spec("napari") is None:
        raise ValueError("expected napari, found none: pip install 'napari-pixel-embedding[gui]'")
    window = importlib.import_module("napari_pixel_embedding._napari.demo")
    raise Exit(window.run_demo(screenshot=screenshot, sample=sample) or console.OK)
