"""Print how long each hostile file takes to be refused, and its memory.

python -m tests.hostile.report
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from tests.hostile.samples import ALL, CANARY, READ_ANYWAY
from tests.hostile.test_hostile import READERS


def main() -> int:
    rows, run = [], 0
    for kind, samples in ALL.items():
        for name, make in samples.items():
            with tempfile.TemporaryDirectory() as place:
                path = make(Path(place))
                held = psutil.Process().memory_info().rss
                started = time.perf_counter()
                try:
                    READERS[kind](path)
                    said = "read" if name in READ_ANYWAY else "NOT REFUSED"
                except (ValueError, OSError) as error:
                    said = type(error).__name__
                except BaseException as error:
                    said = f"UNPROMISED {type(error).__name__}"
                seconds = time.perf_counter() - started
                grown = (psutil.Process().memory_info().rss - held) / 2**20
                run += (Path(place) / CANARY).exists()
                rows.append((seconds, grown, f"{kind}: {name}", said))
    shown = {row for row in rows if row[3].startswith(("NOT", "UNPROMISED"))}
    for seconds, grown, name, said in sorted({*sorted(rows)[-8:], *shown}, reverse=True):
        print(f"{seconds:7.3f} s {grown:7.1f} MB  {said:20} {name}")
    bad = [row for row in rows if row[3].isupper() or row[3].startswith(("NOT", "UNPROMISED"))]
    print(f"{len(rows)} files: {run} were run, {len(bad)} not refused as promised")
    slowest, most = max(row[0] for row in rows), max(row[1] for row in rows)
    print(f"slowest {slowest:.2f} s (goal: 1), most {most:.0f} MB (goal: 256)")
    return int(bool(run or bad or not rows))


if __name__ == "__main__":
    raise SystemExit(main())
