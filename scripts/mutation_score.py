"""How many small faults in the code the tests notice: the mutation score, by cosmic-ray.

    python scripts/mutation_score.py [--each 15] [--only WORD …] [--seed 0]

Needs ``pip install cosmic-ray`` and a checkout of its own, which is changed while it runs. Of each
module so many mutants are drawn at random, and its tests run on each until one fails. Annotations
are no code: replaced ``|`` are left out, and so are mutants of lines that are only for type
checkers. What survives is printed, to be looked at: some of it means the same as the original.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome

SOURCE = Path("src/napari_pixel_embedding")
MODULES = {
    "loader: file": ("core/model/file_check.py", "core/model/test_file_check.py"),
    "loader: package": ("core/model/package.py", "core/model/test_package.py"),
    "loader: files": ("core/io/files.py", "core/io core/test_special_files.py"),
    "corrections: edits": ("core/corrections/object_edits.py", "core/corrections"),
    "corrections: patch": ("core/corrections/patch.py", "core/corrections"),
    "journal": ("core/corrections/journal.py", "core/corrections"),
    "stitching: edges": ("batch/stages/edges.py", "batch/stages"),
    "stitching: merge": ("batch/stages/merge.py", "batch/stages"),
    "networks": ("core/model/networks.py", "core/model/test_networks.py"),
    "clustering: params": ("core/clustering/params.py", "core/clustering"),
    "clustering: cut": ("core/clustering/tree_cut.py", "core/clustering"),
    "clustering: index": ("core/clustering/index.py", "core/clustering"),
    "fine-tuning: targets": ("core/fine_tuning/targets.py", "core/fine_tuning/test_targets.py"),
    "training: targets": ("core/training/targets.py", "core/training/test_targets.py"),
    "training: long objects": (
        "core/losses/long_objects.py",
        "core/losses/test_long_objects.py",
    ),
    "training: losses": ("core/losses/terms.py", "core/losses/test_terms.py"),
}
"""Each with the tests that are about it."""
_CONFIG = """\
[cosmic-ray]
module-path = "{module}"
timeout = 120.0
excluded-modules = []
test-command = "{python} -m pytest -x -q -n 0 -p no:cacheprovider --no-xvfb {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def main() -> int:
    """Print what each module's tests notice; fail below the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=15, help="mutants of a module")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    killed = total = 0
    for name, (module, tests) in MODULES.items():
        if any(word in name for word in options.only):
            found, survivors = _score(SOURCE / module, tests, options.each, options.seed)
            killed, total = killed + found - len(survivors), total + found
            print(f"{name:24} {found - len(survivors):3} of {found:3} noticed", flush=True)
            for one in survivors:
                print(f"    {one}", flush=True)
    if not total:
        print("no mutant was made: nothing was measured")
        return 1
    print(f"{killed} of {total} noticed: {100 * killed / total:.0f} % (goal: 85)")
    return int(killed < 0.85 * total)


def _score(module: Path, tests: str, most: int, seed: int) -> tuple[int, list[str]]:
    """Run the tests on mutants of a module; return how many there were, and who survived."""
    with tempfile.TemporaryDirectory() as place:
        config, session = Path(place) / "config.toml", Path(place) / "session.sqlite"
        paths = " ".join(f"tests/{path}" for path in tests.split())
        config.write_text(_CONFIG.format(module=module, python=sys.executable, tests=paths))
        _run("init", config, session)
        with use_db(str(session), WorkDB.Mode.open) as db:
            _draw(db, module, most, seed)
        _run("exec", config, session)
        with use_db(str(session), WorkDB.Mode.open) as db:
            results = dict(db.results)
            jobs = {item.job_id: item.mutations[0] for item in db.work_items}
    survivors = [
        f"{module.name}:{jobs[job].start_pos[0]} {jobs[job].operator_name.removeprefix('core/')}"
        for job, result in results.items()
        if result.test_outcome == TestOutcome.SURVIVED
    ]
    return len(results), sorted(survivors)


def _draw(db: WorkDB, module: Path, most: int, seed: int) -> None:
    """Keep a random part of the mutants, none of annotations."""
    lines = module.read_text(encoding="utf-8").splitlines()
    items = [
        item
        for item in db.work_items
        if "BitOr" not in item.mutations[0].operator_name
        and "TYPE_CHECKING" not in lines[item.mutations[0].start_pos[0] - 1]
    ]
    chosen = random.Random(seed).sample(items, min(most, len(items)))
    db.clear()
    db.add_work_items(chosen)


def _run(*command: object) -> None:
    words = [sys.executable, "-m", "cosmic_ray.cli", *map(str, command)]
    subprocess.run(words, check=True, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())
