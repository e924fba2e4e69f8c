"""Keys with which a scheduler, its workers and who asks it know each other, in three files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.exchange.extras import needed

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("ca.pem", "cert.pem", "key.pem")


def write_keys(folder: Path) -> tuple[Path, Path, Path]:
    """Make new keys; whoever has these files can run programs in the name of the workers.

    Parameters
    ----------
    folder : Path
        Made where there is none, and readable by its owner alone.

    Returns
    -------
    ca, cert, key : Path
        For ``--tls-ca``, ``--tls-cert`` and ``--tls-key``; and for dask's own
        ``--tls-ca-file``, ``--tls-cert`` and ``--tls-key``.

    Raises
    ------
    ValueError
        When dask.distributed is not installed, or there are keys already.
    """
    needed("distributed", "Runs over data sets", "batch")
    from distributed.security import Security

    paths = tuple(folder / name for name in FILES)
    if any(path.exists() for path in paths):
        raise ValueError(f"{folder} holds keys already: remove them, or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Security.temporary()
    contents = (made.tls_ca_file, made.tls_client_cert, made.tls_client_key)
    for path, content in zip(paths, contents, strict=True):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(content)
    ca, cert, key = paths
    return ca, cert, key
