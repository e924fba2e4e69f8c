import os
import subprocess
import sys

CUT = """
import numpy as np
from napari_pixel_embedding.core.clustering.kernels.distance import squared
assert squared.stats.cache_path in (None, ""), squared.stats.cache_path
assert squared(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 4.0
"""


def test_kernels_run_where_numba_may_write_no_cache():
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": os.path.join(os.devnull, "cache"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    command = [sys.executable, "-c", CUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_parameters_need_no_compiler():
    code = (
        "import sys; from napari_pixel_embedding.core.clustering import ClusterParams;"
        "ClusterParams(); assert not {'numba', 'scipy', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
