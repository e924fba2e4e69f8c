"""Segment a data set with workers that Slurm starts: run on the login node, inside tmux or a job.

    pip install dask-jobqueue
    python scripts/cluster/slurm.py slide.ome.zarr --recipe cells.recipe.json --output run1 \
        --jobs 8 --cores 4 --memory 16GB --walltime 04:00:00

All paths must be on a disk that the nodes share. A job that ends, or is killed, costs the block it
was at; the same command goes on. ``--here`` starts the jobs as processes of this machine, to try it
out. For LSF, PBS, SGE or HTCondor take dask-jobqueue's class of that name.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Make the keys, queue the jobs, and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--cores", type=int, default=4)
    parser.add_argument("--memory", default="16GB")
    parser.add_argument("--walltime", default="04:00:00")
    parser.add_argument("--queue")
    parser.add_argument("--gpu", action="store_true", help="one GPU a job")
    parser.add_argument("--here", action="store_true", help="jobs as processes of this machine")
    options = parser.parse_args()

    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.local import LocalCluster as JobsHere
    from distributed.security import Security

    from napari_pixel_embedding.batch.engine.cluster import ClusterChoice
    from napari_pixel_embedding.batch.engine.keys import FILES, write_keys
    from napari_pixel_embedding.workflows.batch import batch_request, segment_data_set

    keys = options.output.absolute().with_name(f".{options.output.name}.keys")
    ca, cert, key = (keys / name for name in FILES) if keys.is_dir() else write_keys(keys)
    security = Security(
        tls_ca_file=str(ca),
        tls_scheduler_cert=str(cert),
        tls_scheduler_key=str(key),
        tls_worker_cert=str(cert),
        tls_worker_key=str(key),
        tls_client_cert=str(cert),
        tls_client_key=str(key),
        require_encryption=True,
    )
    job = {
        "cores": 1,  # one block at a time; the network takes all cores of the job
        "processes": 1,
        "memory": options.memory,
        "protocol": "tls://",
        "security": security,
        "worker_extra_args": ["--memory-limit", "0"],
        "job_script_prologue": [
            f"export OMP_NUM_THREADS={options.cores}",
            "export MALLOC_TRIM_THRESHOLD_=4294967296",  # else workers take 1.6 times as long
        ],
    }
    if options.here:
        job.pop("job_script_prologue")  # it takes one command alone
        cluster = JobsHere(scheduler_options={"host": "127.0.0.1"}, **job)
    else:
        extra = ["--gres=gpu:1"] if options.gpu else []
        cluster = SLURMCluster(
            job_cpu=options.cores,
            walltime=options.walltime,
            queue=options.queue,
            job_extra_directives=extra,
            **job,
        )
        print(cluster.job_script(), file=sys.stderr)
    cluster.scale(jobs=options.jobs)
    request = batch_request(options.data, options.recipe, model=options.model)
    with cluster:
        choice = ClusterChoice(cluster.scheduler_address, 0, str(ca), str(cert), str(key))
        gib = float(options.memory.removesuffix("GB"))
        summary = segment_data_set(
            request, options.output, cluster=choice, memory=int(gib * 0.7 * 2**30)
        )
    print("\n".join(summary.lines()))
    return int(not summary.is_complete)


if __name__ == "__main__":
    sys.exit(main())
