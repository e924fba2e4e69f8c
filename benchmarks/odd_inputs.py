"""Every odd input that users of such programs have reported: right, one sentence, or wrong.

    python benchmarks/odd_inputs.py [--model nuclei-fluo] [--only WORD]

Writes small files, segments each as ``pixel-embedding segment`` does, and compares with the labels
of the clean image: F1 at IoU 0.5. Prints a line for each: the input, what was expected, what
happened. Fails when anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from intensities import f1, noises, sparse_scenes, spoilt
from odd_types import types
from PIL import Image
from scipy import ndimage

from napari_pixel_embedding import EmbeddingModel, load_model, segment
from napari_pixel_embedding.cli import main as command
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.workflows.segment import SegmentedFile, segment_files

LARGEST_FILE = 210_000
"""Bytes; only scenes of 768² pixels are larger."""
RIGHT = 0.95
"""F1 that counts as the same result; 0.9 for lossy compression and turned images."""


@dataclass(frozen=True)
class Case:
    """An input, and what is to come of it.

    Parameters
    ----------
    group, name : str
    write : callable
        Takes an empty folder, and returns what is to be segmented.
    labels : tuple of int
        Planes of ``CLEAN`` each result shows, of each file in order; () for none.
    says : str
        Regular expression that a note or an error of some file fits.
    fails : bool
        Whether the file is to be refused.
    count : int, optional
        Objects to be found, instead of those of the clean image.
    least : float
        F1 to the clean image.
    scale, axes
        Of the label image, where they matter.
    """

    group: str
    name: str
    write: Callable[[Path], Path]
    labels: tuple[int, ...] = (1,)
    says: str = ""
    fails: bool = False
    count: int | None = None
    least: float = RIGHT
    scale: tuple[float, ...] | None = None
    axes: str | None = None

    @property
    def expected(self) -> str:
        if self.fails:
            return "one sentence"
        what = f"{self.count} objects" if self.count is not None else "as the clean image"
        files = f", {len(self.labels)} files" if len(self.labels) > 1 else ""
        return what + files + (", and says so" if self.says else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--only", default="", help="Groups whose name contains this.")
    options = parser.parse_args()
    model = load_model(options.model)
    clean = sample()
    expected = segment(clean, model, device="cpu")
    wrong = total = 0
    print(
        f"| group | input | expected | now |\n|---|---|---|---|   ({int(expected.max())} objects)"
    )
    for group, name, what, run in (*rows_of_files(clean, model, expected), *rows_of_runs(clean)):
        if options.only in group:
            found = run()
            total += 1
            wrong += found.startswith("WRONG")
            print(f"| {group} | {name} | {what} | {found} |", flush=True)
    print(f"\n{total - wrong} of {total} right.")
    raise SystemExit(wrong > 0)


Row = tuple[str, str, str, Callable[[], str]]


def sample() -> np.ndarray:
    return np.asarray(load_sample("nuclei-field")[0].data)[100:260, 100:260]


def rows_of_files(clean: np.ndarray, model: EmbeddingModel, expected: np.ndarray) -> Iterator[Row]:
    for case in all_cases(clean):
        yield case.group, case.name, case.expected, partial(outcome, case, model, expected)


def all_cases(clean: np.ndarray) -> Iterator[Case]:
    for made in (compressions, metadata, series, sets, colours, orders, refused, intensities):
        yield from made(clean)
    yield from types(Case, clean)


def outcome(case: Case, model: EmbeddingModel, expected: np.ndarray) -> str:
    """Run one case in a folder of its own, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = case.write(Path(folder))
        sizes = [p.stat().st_size for p in Path(folder).rglob("*") if p.is_file()]
        if max(sizes, default=0) > LARGEST_FILE and case.count is None:
            return f"WRONG: a file of {max(sizes):,} bytes"
        try:
            results = list(segment_files(path, model=model, device="cpu"))
            problem = judged(case, results, expected)
        except Exception as error:
            results = [SegmentedFile(path, None, error=str(error))]
            problem = "" if case.fails else f"{type(error).__name__}: {error}"
            problem = problem or sentence_problem(case, results)
        said = " ".join(line for r in results for line in (*r.notes, r.error or "") if line)
        said = re.sub(re.escape(folder) + "/?", "", said)
    if problem:
        return f"WRONG: {problem}" + (f" — {said}" if said else "")
    objects = ", ".join(str(r.objects) for r in results)
    return (f"says: {said}" if case.fails else f"right ({objects})") + (
        f"; says: {said}" if said and not case.fails else ""
    )


def judged(case: Case, results: list[SegmentedFile], expected: np.ndarray) -> str:
    """Return what is wrong with the results of a case; "" if nothing is."""
    done = [result for result in results if result.labels is not None]
    if case.fails:
        return "it was segmented" if done else sentence_problem(case, results)
    if len(done) != len(case.labels):
        return f"{len(done)} results of {len(case.labels)}"
    for result, frames in zip(done, case.labels, strict=True):
        stored = read_labels(result.labels)
        labels = stored.data if stored.data.ndim == 3 else stored.data[None]
        if len(labels) != frames:
            return f"{len(labels)} frames of {frames}"
        if case.count is not None:
            if result.objects != case.count:
                return f"{result.objects} objects"
        elif (worst := min(f1(expected, one[:160, :160]) for one in labels)) < case.least:
            return f"F1 {worst:.3f}"
        if case.axes is not None and stored.axes != case.axes:
            return f"axes {stored.axes}"
        if case.scale is not None and not np.allclose(stored.scale or 0, case.scale):
            return f"scale {stored.scale}"
    return sentence_problem(case, results) if case.says else ""


def sentence_problem(case: Case, results: list[SegmentedFile]) -> str:
    said = " ".join(line for result in results for line in (*result.notes, result.error or ""))
    return "" if re.search(case.says, said) else f"nothing said like “{case.says}”"


def write(folder: Path, array: np.ndarray, name: str = "a.tif", **options: Any) -> Path:
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(folder / name, array, **options)
    return folder / name


def several(folder: Path, *arrays: np.ndarray, ome: bool = False, **options: Any) -> Path:
    """Write arrays as one series each."""
    path = folder / ("a.ome.tif" if ome else "a.tif")
    with tifffile.TiffWriter(path, ome=ome) as file:
        for array in arrays:
            axes = {2: "YX", 3: "TYX"}[array.ndim]
            file.write(array, photometric="minisblack", metadata={"axes": axes}, **options)
    return path


def described(folder: Path, array: np.ndarray, edit: Callable[[str], str]) -> Path:
    """Write an OME-TIFF with a pixel size of 2 × 0.5 × 0.5 µm, and edit its XML."""
    sizes: dict[str, Any] = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    units = {f"PhysicalSize{letter}Unit": "µm" for letter in "ZYX"}
    data = {"axes": "ZYX"[-array.ndim :], **sizes, **units}
    path = write(folder, array, "a.ome.tif", metadata=data, ome=True)
    with tifffile.TiffFile(path) as file:
        xml = file.pages.first.description
    tifffile.tiffcomment(path, edit(xml).encode())
    return path


def picture(folder: Path, image: Image.Image, name: str = "a.tif", **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


def compressions(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "compression")
    for codec in ("lzw", "zstd", "zlib", "lzma", "packbits", "png", "jpeg2000", "jpegxl", "webp"):
        array, more = clean, {}
        if codec == "webp":
            array, more = np.repeat(clean[..., None], 3, -1), {"photometric": "rgb"}
        yield case(codec, partial(write, array=array, compression=codec, **more))
    yield case("lzw with predictor", partial(write, array=clean, compression="lzw", predictor=True))
    jpeg = {"compression": "jpeg", "compressionargs": {"level": 90}}
    yield case("jpeg", partial(write, array=clean, **jpeg), least=0.9)
    bits = Image.fromarray(clean > 40)
    count = objects(clean > 40)
    for codec in ("group3", "group4"):
        yield case(f"CCITT {codec}", partial(picture, image=bits, compression=codec), count=count)

    def unknown(folder: Path) -> Path:
        path = write(folder, clean, compression="zlib")
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages.first.tags[259].overwrite(65_001)
        return path

    yield case(
        "a codec that nobody has", unknown, fails=True, says="compressed with .* not damaged"
    )


def metadata(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "metadata")

    def edited(old: str, new: str) -> Callable[[Path], Path]:
        return partial(described, array=clean, edit=lambda xml: xml.replace(old, new))

    in_um = {"Å": 5e-5, "inch": 12_700.0, "ft": 152_400.0, "pm": 5e-7, "km": 5e8, "nm": 0.5}
    for unit, size in in_um.items():
        yield case(f"unit {unit}", edited('"µm"', f'"{unit}"'), scale=(size, size))
    frame = edited('"µm"', '"reference frame"')
    yield case("unit reference frame", frame, says="is no length and was dropped")
    for size in ("NaN", "0", "-1", "1e999", "abc", ""):
        yield case(f"size “{size}”", edited('"0.5"', f'"{size}"'), says="pixel size")
    yield case("decimal comma", edited('"0.5"', '"0,5"'), scale=(0.5, 0.5))
    yield case("malformed XML", edited("<Pixels ", "<Pixels< "), says="OME-XML cannot be used")
    yield case("impossible counts", edited('SizeT="1"', 'SizeT="x"'), says="cannot be used")
    bomb = '<!DOCTYPE a [<!ENTITY a "&b;&b;"><!ENTITY b "bb">]><OME>&a;</OME>'
    yield case("entities", partial(described, array=clean, edit=lambda _: bomb))
    imagej = {"imagej": True, "metadata": {"unit": "furlong"}, "resolution": (2, 2)}
    yield case("ImageJ unit furlong", partial(write, array=clean, **imagej), says="dropped")
    yield case("resolution 0/0", partial(write, array=clean, imagej=True, resolution=(0, 0)))


def series(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "series")
    small, mirrored = clean[::4, ::4], clean[:, ::-1]
    taken = "largest image .* passed over"
    yield case("thumbnail first", partial(several_of, arrays=(small, clean)), says=taken)
    yield case("largest first", partial(several_of, arrays=(clean, small)), says=taken)
    colour = np.repeat(clean[..., None], 3, -1) // 2

    def snapshot(folder: Path) -> Path:
        with tifffile.TiffWriter(folder / "a.tif") as file:
            file.write(colour, photometric="rgb", metadata=None)
            file.write(clean.astype(np.uint16) * 20, photometric="minisblack", metadata=None)
        return folder / "a.tif"

    yield case("colour snapshot first", snapshot, says="passed over")
    levels = (clean[::4, ::4], clean[::2, ::2], clean)
    yield case("pyramid, smallest first", partial(several_of, arrays=levels), says=taken)

    def pyramid(folder: Path) -> Path:
        with tifffile.TiffWriter(folder / "a.tif") as file:
            file.write(clean, subifds=1, photometric="minisblack")
            file.write(clean[::2, ::2], subfiletype=1, photometric="minisblack")
        return folder / "a.tif"

    yield case("pyramid of SubIFDs", pyramid)
    both = partial(several_of, arrays=(clean, clean), ome=True)
    yield case("two positions, OME", both, labels=(1, 1))
    yield case("three positions", partial(several_of, arrays=(clean,) * 3), labels=(1, 1, 1))
    places = {"array": np.stack([clean, clean]), "metadata": {"axes": "RYX"}}
    yield case("two places along R", partial(write, **places), labels=(1, 1))
    films = (np.stack([clean] * 2),) * 2
    yield case("two positions of two frames", partial(several_of, arrays=films, ome=True), (2, 2))

    def half_broken(folder: Path) -> Path:
        path = several(folder, clean, mirrored, clean, ome=True)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[1].tags["StripOffsets"].overwrite(10**7)
        return path

    yield case("one of three positions broken", half_broken, (1, 1), says="beyond the file's end")


def several_of(folder: Path, arrays: tuple[np.ndarray, ...], ome: bool = False) -> Path:
    return several(folder, *arrays, ome=ome)


OME = (
    '<?xml version="1.0"?><OME xmlns="http://x.org/OME" UUID="urn:uuid:{own}"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="160" SizeY="160" SizeZ="1" '
    'SizeC="1" SizeT="{count}">{planes}</Pixels></Image></OME>'
)
PLANE = (
    '<TiffData FirstT="{at}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{at}</UUID>'
    "</TiffData>"
)


def ome_set(folder: Path, array: np.ndarray, names: list[str], present: list[str]) -> Path:
    planes = "".join(PLANE.format(at=at, name=name) for at, name in enumerate(names))
    for at, name in enumerate(names):
        if name in present:
            xml = OME.format(own=at, count=len(names), planes=planes)
            write(folder, array, name, description=xml.encode(), metadata=None)
    return folder


def sets(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "OME set")
    names = ["a.ome.tif", "b.ome.tif", "c.ome.tif"]
    of = partial(ome_set, array=clean, names=names)
    yield case("three files", partial(of, present=names), (3,), says="Read together .* b.*, c")
    yield case("a member is missing", partial(of, present=names[::2]), (2,), says="missing: b.ome")
    for secret in ("../../../../../etc/passwd", "/etc/passwd"):
        present = {"names": ["a.ome.tif", secret], "present": ["a.ome.tif"]}
        outside = partial(ome_set, array=clean, **present)
        yield case(f"names {secret}", outside, says="not opened: ")

    def renamed(folder: Path) -> Path:
        path = ome_set(folder, clean, ["a.ome.tif"], ["a.ome.tif"]) / "a.ome.tif"
        return path.rename(folder / "new.ome.tif")

    yield case("a file that was renamed", renamed)


def colours(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "colours")
    grey = np.stack([clean] * 3)
    planar = {"photometric": "rgb", "planarconfig": "separate", "metadata": None}
    yield case("planar RGB", partial(write, array=grey, **planar))
    opaque = np.concatenate([grey, np.full((1, 160, 160), 255, np.uint8)])
    alpha = {"extrasamples": ["unassalpha"]}
    yield case("planar RGBA", partial(write, array=opaque, **planar, **alpha))
    last = {"array": np.moveaxis(opaque, 0, -1), "photometric": "rgb", "metadata": None}
    yield case("RGBA", partial(write, **last, **alpha))
    yield case(
        "RGB PNG", partial(picture, image=Image.fromarray(grey.transpose(1, 2, 0)), name="a.png")
    )
    inverted = {"array": 255 - clean, "photometric": "miniswhite", "metadata": None}
    yield case("WhiteIsZero", partial(write, **inverted))
    palette = np.repeat(np.arange(256, dtype=np.uint16)[None] << 8, 3, axis=0)
    options = {"photometric": "palette", "colormap": palette, "metadata": None}
    yield case("palette of greys", partial(write, array=clean, **options))
    palette[2] = 0
    yield case("palette of colours", partial(write, array=clean, **options), least=0.9)


def orders(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "axes")
    yield case("(1, Y, X)", partial(write, array=clean[None]), axes="YX")
    yield case("(1, Y, X) NPY", lambda folder: saved(folder, clean[None]))
    film = np.stack([clean] * 2)
    for axes in ("TYX", "tyx", "ZYX", "zyx"):
        stack = {"array": film, "metadata": {"axes": axes}}
        yield case(f"axes {axes}", partial(write, **stack), (2,), axes=axes.upper())
    yield case("big-endian", partial(write, array=clean.astype(">u2"), byteorder=">"))
    yield case("float32", partial(write, array=(clean / 255).astype(np.float32)))


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def refused(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "refused", labels=(), fails=True)

    def claims(folder: Path) -> Path:
        path = write(folder, clean, metadata=None)
        with tifffile.TiffFile(path, mode="r+") as file:
            for tag in (256, 257, 278):
                file.pages.first.tags[tag].overwrite(2_000_000)
        return path

    def cut(folder: Path) -> Path:
        path = write(folder, clean)
        path.write_bytes(path.read_bytes()[:-5000])
        return path

    def text(folder: Path) -> Path:
        (folder / "a.tif").write_text("no image")
        return folder / "a.tif"

    def pipe(folder: Path) -> Path:
        os.mkfifo(folder / "a.tif")
        return folder / "a.tif"

    def device(folder: Path) -> Path:
        (folder / "a.tif").symlink_to("/dev/zero")
        return folder / "a.tif"

    def directory(folder: Path) -> Path:
        (folder / "a.tif").mkdir()
        return folder / "a.tif"

    yield case("claims 4 TB", claims, says="claims an image")
    yield case("cut short", cut, says="beyond the file's end")
    yield case("text named .tif", text, says="could not be read")
    yield case("a pipe", pipe, says="pipe")
    yield case("a device", device, says="device")
    yield case("a folder named .tif", directory, says="Expected images in")
    yield case("no such file", lambda folder: folder / "a.tif", says="no file")
    yield case("complex numbers", lambda folder: saved(folder, clean[:60] * 1j), says="complex")


def intensities(clean: np.ndarray) -> Iterator[Case]:
    case = partial(Case, "intensities")
    for name, image in spoilt(clean):
        yield case(name, partial(zipped, array=image))
    for value in (0, 40, 255):
        image = np.pad(clean, ((0, 30), (0, 50)), constant_values=value)
        yield case(f"padded with {value}", partial(zipped, array=image))
    for angle, value in ((30, 0), (30, 40), (30, 255), (3, 120)):
        yield turned(case, clean, angle, value)
    for name, image, count in (*noises(), *sparse_scenes()):
        says = "almost no signal" if count == 0 else ""
        yield case(name, partial(zipped, array=image), says=says, count=count)
    for fill, says in ((0, r"only one value \(0\)"), (7, r"only one value \(7\)")):
        flat = np.full_like(clean, fill)
        yield case(f"constant {fill}", partial(zipped, array=flat), says=says, count=0)
    empty = np.full(clean.shape, np.nan, np.float32)
    yield case("all NaN", partial(zipped, array=empty), says="no finite value", count=0)
    film = np.stack([clean, clean, np.zeros_like(clean)])
    written = partial(write, array=film, compression="zlib", metadata={"axes": "TYX"})
    count = 2 * objects(clean)
    says = r"Frame 3 of 3 has only one value \(0\)"
    yield case("one constant frame", written, (3,), says=says, count=count)


def turned(case: Any, clean: np.ndarray, angle: float, value: int) -> Case:
    """Turn the image with corners of a value; as many objects as with mirrored corners inside."""
    options: dict[str, Any] = {"order": 0, "reshape": True}
    image = ndimage.rotate(clean, angle, mode="constant", cval=value, **options)
    inside = ndimage.rotate(np.ones_like(clean), angle, mode="constant", cval=0, **options) > 0
    best = np.where(inside, image, np.median(clean)).astype(np.uint8)
    name = f"turned by {angle}°, corners of {value}"
    return replace(case(name, partial(zipped, array=image)), count=objects(best))


def objects(image: np.ndarray) -> int:
    """Count the objects that are found in an array."""
    found = segment(image, device="cpu")
    return np.unique(found[found > 0]).size


def zipped(folder: Path, array: np.ndarray) -> Path:
    return write(folder, array, compression="zlib")


def rows_of_runs(clean: np.ndarray) -> Iterator[Row]:
    """Whole commands: what is skipped, passed over or refused, and the exit code."""
    rows = (
        ("labels that are there", "left alone", existing, 0, "skipped"),
        ("names that collide", "two label files", colliding, 0, "2 segmented"),
        ("output is a file", "one sentence before work", unusable, 1, "expected a folder"),
        (".czi and .nd2 beside", "named, the others done", foreign, 0, "passed over .*czi.*nd2"),
        ("subfolders", "named, the others done", nested, 0, "passed over the subfolders"),
        ("one bad file of three", "two done, exit code 1", one_bad, 1, "2 segmented, .*1 failed"),
        ("a file without permission", "one sentence, exit code 1", locked, 1, "denied|error"),
    )
    for name, what, prepare, code, says in rows:
        yield "batch", name, what, partial(command_outcome, clean, prepare, code, says)


def command_outcome(clean: np.ndarray, prepare: Any, code: int, says: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments, check = prepare(folder, clean)
        if not arguments:
            return "not tried: an administrator may read every file"
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            found = command(["segment", *map(str, arguments), "--device", "cpu"])
        text = re.sub(
            r"\S*%\|.*", "", said.getvalue().replace(f"{folder}/", "").replace("\r", "\n")
        )
        text = " ".join(line.strip() for line in text.splitlines() if line.strip())
        if found != code:
            return f"WRONG: exit code {found} — {text}"
        if not re.search(says, text) or not check():
            return f"WRONG — {text}"
        return f"right; says: {text}"


def existing(folder: Path, clean: np.ndarray) -> Any:
    write(folder, clean)
    there = folder / "a_labels.tif"
    there.write_bytes(b"work")
    return [folder], lambda: there.read_bytes() == b"work"


def colliding(folder: Path, clean: np.ndarray) -> Any:
    for place in ("x", "y"):
        (folder / place).mkdir()
        write(folder / place, clean)
    arguments = [folder / "x", folder / "y", "--output", folder / "out"]
    return arguments, lambda: len(list((folder / "out").iterdir())) == 2


def unusable(folder: Path, clean: np.ndarray) -> Any:
    path = write(folder, clean)
    return [path, "--output", path], lambda: len(list(folder.iterdir())) == 1


def foreign(folder: Path, clean: np.ndarray) -> Any:
    write(folder, clean)
    for suffix in ("czi", "nd2"):
        (folder / f"b.{suffix}").write_bytes(b"x")
    return [folder], (folder / "a_labels.tif").exists


def nested(folder: Path, clean: np.ndarray) -> Any:
    write(folder, clean)
    (folder / "more").mkdir()
    write(folder / "more", clean)
    return [folder], lambda: not list((folder / "more").glob("*_labels.tif"))


def one_bad(folder: Path, clean: np.ndarray) -> Any:
    for name in "ac":
        write(folder, clean, f"{name}.tif")
    (folder / "b.tif").write_text("no image")
    return [folder], lambda: len(list(folder.glob("*_labels.tif"))) == 2


def locked(folder: Path, clean: np.ndarray) -> Any:
    path = write(folder, clean)
    path.chmod(0)
    arguments = [] if os.access(path, os.R_OK) else [path]
    return arguments, lambda: not list(folder.glob("*_labels.tif"))


if __name__ == "__main__":
    main()
