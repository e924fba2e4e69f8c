"""The commands of runs over data sets: ``pixel-embedding batch plan | run | status | resume``."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tqdm import tqdm
from typer import Argument, Exit, Option

from napari_pixel_embedding.cli import console

if TYPE_CHECKING:
    from napari_pixel_embedding.batch.engine.cluster import ClusterChoice
    from napari_pixel_embedding.batch.summary import RunSummary
    from napari_pixel_embedding.core.runs.folder import RunProgress

_GIB = 2**30

Data = Annotated[
    Path, Argument(help="An image, a folder of images, or an OME-Zarr image, plate or series.")
]
Output = Annotated[Path, Option(help="Folder of the run: new, or that of the same run.")]
RunFolder = Annotated[Path, Argument(help="Folder of the run.")]
Recipe = Annotated[
    Path | None,
    Option(
        help="Recipe of a segmentation, from the window: a .recipe.json or a label file.",
        show_default="as --model usually segments",
    ),
]
OtherModel = Annotated[
    str | None, Option(help="Where the recipe's model is now; without --recipe, the model to use.")
]
AllowOther = Annotated[
    bool, Option("--allow-other-model", help="Take the model even if it is not the recipe's.")
]
Level = Annotated[int, Option(min=0, help="Level of the pyramid to segment, 0 is the finest.")]
Recursive = Annotated[bool, Option("--recursive", help="Subfolders of a folder too.")]
Side = Annotated[
    int | None,
    Option(
        "--block",
        metavar="PIXELS",
        help="Side of a block along Y and X, a multiple of 64.",
        show_default="as memory allows; images that fit are not divided",
    ),
]
Halo = Annotated[
    int | None,
    Option(
        metavar="PIXELS",
        help="Pixels that neighbouring blocks share on each side: an object that fits is whole.",
        show_default="twice an object's diameter",
    ),
]
Beside = Annotated[
    bool,
    Option("--beside", help="Write labels into the OME-Zarr images, as labels/objects."),
]
Embedding = Annotated[bool, Option("--embedding", help="Keep the embedding of large images too.")]
Measure = Annotated[bool, Option("--measure/--no-measure", help="Measure objects, as Parquet.")]
Version = Annotated[Literal["0.5", "0.4"], Option("--ome-zarr", help="Version of OME-Zarr.")]
Workers = Annotated[
    int | None,
    Option(
        min=0,
        help="Worker processes on this machine; 0 works in this process.",
        show_default="one for each GPU, else for each two cores",
    ),
]
Memory = Annotated[
    float | None,
    Option(
        metavar="GIB", help="Memory of a worker.", show_default="its share of half of what's free"
    ),
]
Scheduler = Annotated[
    str | None,
    Option(metavar="ADDRESS", help="dask scheduler to use; of other machines only tls://…"),
]
TlsFile = Annotated[Path | None, Option(metavar="FILE", help="For a tls:// scheduler.")]
SameImages = Annotated[
    bool,
    Option("--same-images", help="Go on though files have another date, as after a copy."),
]


def plan(
    data: Data,
    recipe: Recipe = None,
    model: OtherModel = None,
    allow_other_model: AllowOther = False,
    level: Level = 0,
    recursive: Recursive = False,
    side: Side = None,
    halo: Halo = None,
    workers: Workers = None,
    memory: Memory = None,
) -> None:
    """Say which blocks, how much memory and how long, before anything runs.

    Example: pixel-embedding batch plan slide.ome.zarr --recipe cells.recipe.json
    """
    from napari_pixel_embedding.workflows.batch import batch_request, plan_data_set

    request = batch_request(
        data,
        recipe,
        model=model,
        allow_other_model=allow_other_model,
        level=level,
        recursive=recursive,
        block=side,
        halo=halo,
    )
    _, lines = plan_data_set(request, workers=workers, memory=_bytes(memory))
    for line in lines:
        sys.stdout.write(f"{line}\n")


def run(
    data: Data,
    output: Output,
    recipe: Recipe = None,
    model: OtherModel = None,
    allow_other_model: AllowOther = False,
    level: Level = 0,
    recursive: Recursive = False,
    side: Side = None,
    halo: Halo = None,
    beside: Beside = False,
    embedding: Embedding = False,
    measure: Measure = True,
    version: Version = "0.5",
    workers: Workers = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    tls_ca: TlsFile = None,
    tls_cert: TlsFile = None,
    tls_key: TlsFile = None,
    same_images: SameImages = False,
) -> None:
    """Segment a data set of any size, block by block; what is done stays done.

    Example: pixel-embedding batch run slide.ome.zarr --recipe cells.recipe.json --output run1
    """
    from napari_pixel_embedding.workflows.batch import batch_request, segment_data_set

    request = batch_request(
        data,
        recipe,
        model=model,
        allow_other_model=allow_other_model,
        level=level,
        recursive=recursive,
        block=side,
        halo=halo,
        beside=beside,
        embedding=embedding,
        measure=measure,
        version=version,
    )
    cluster = _cluster(scheduler, workers, tls_ca, tls_cert, tls_key)
    with _Bars() as bars:
        summary = segment_data_set(
            request,
            output,
            cluster=cluster,
            memory=_bytes(memory),
            same_images=same_images,
            progress=bars,
        )
    _end(summary)


def resume(
    output: RunFolder,
    workers: Workers = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
    tls_ca: TlsFile = None,
    tls_cert: TlsFile = None,
    tls_key: TlsFile = None,
    same_images: SameImages = False,
) -> None:
    """Go on with a run: compute what is missing and what has failed, nothing else.

    Example: pixel-embedding batch resume run1
    """
    from napari_pixel_embedding.workflows.batch import resume_run

    cluster = _cluster(scheduler, workers, tls_ca, tls_cert, tls_key)
    with _Bars() as bars:
        summary = resume_run(
            output,
            cluster=cluster,
            memory=_bytes(memory),
            same_images=same_images,
            progress=bars,
        )
    _end(summary)


def status(output: RunFolder) -> None:
    """Say how far a run is.

    Example: pixel-embedding batch status run1
    """
    from napari_pixel_embedding.workflows.batch import run_status

    found = run_status(output)
    sys.stdout.write(f"{status_line(found)}\n")
    for path in found.outputs:
        sys.stdout.write(f"{path}\n")
    if found.state in ("failed", "error"):
        raise Exit(console.FAILED)


def keys(
    folder: Annotated[Path, Argument(help="New folder for ca.pem, cert.pem and key.pem.")],
) -> None:
    """Make keys for a scheduler on another machine: without them anybody could give it work.

    Example: pixel-embedding batch keys ~/.keys
    """
    from napari_pixel_embedding.batch.engine.keys import write_keys

    for path in write_keys(folder):
        sys.stdout.write(f"{path}\n")


def status_line(found: "RunProgress") -> str:
    """Return how far a run is, in one line."""
    from napari_pixel_embedding.core.progress import duration_text

    parts = [found.state]
    if found.state == "running":
        parts += [f"{found.image or 'images'}: {found.stage} {found.done:,} of {found.count:,}"]
        if found.seconds_left is not None:
            parts.append(f"{duration_text(found.seconds_left)} left")
    if found.failed:
        parts.append(f"{found.failed:,} failed")
    return ", ".join(parts) + (f". {found.message}" if found.message else "")


def _cluster(
    scheduler: str | None,
    workers: int | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
) -> "ClusterChoice":
    from napari_pixel_embedding.batch.engine.cluster import ClusterChoice, default_workers

    count = default_workers() if workers is None else workers
    return ClusterChoice(scheduler, count, _text(ca), _text(cert), _text(key))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _bytes(memory: float | None) -> int | None:
    return None if memory is None else int(memory * _GIB)


def _end(summary: "RunSummary") -> None:
    for line in summary.lines():
        console.print_line(line)
    if not summary.is_complete:
        raise Exit(console.FAILED)


class _Bars:
    """A progress bar for each stage; what ends a batch job ends the run as Ctrl-C does."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ("", "")

    def __enter__(self) -> "_Bars":
        self._before = signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)
        self._close()

    def __call__(self, found: "RunProgress") -> None:
        if (found.image, found.stage) != self._stage:
            self._close()
            self._stage = (found.image, found.stage)
        if not found.count:
            return
        if self._bar is None:
            label = f"{found.image} {found.stage}".strip()
            self._bar = tqdm(total=found.count, desc=label, unit="block", file=sys.stderr)
            self._bar.initial = found.done - 1
        self._bar.update(found.done - self._bar.n)
        if found.failed:
            self._bar.set_postfix_str(f"{found.failed} failed")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
