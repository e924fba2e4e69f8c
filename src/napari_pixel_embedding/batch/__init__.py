"""Runs over data sets that are larger than one machine's memory, on dask.distributed.

The stages (:mod:`.stages`) are pure functions that know no engine; the engine (:mod:`.engine`)
knows no images. This is the only folder that imports dask.
"""
