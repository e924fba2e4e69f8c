"""Checksums of the bundled models; written by ``scripts/make_model_checksums.py``."""

from __future__ import annotations

SHA256 = {
    "bacteria": "401be47935e253e17c355c6cb0da2686b0cdbbf1d13e4223e6c28916187d1a4d",
    "cells-phase": "872f7f113b8b854914e796c764d4a35a959c29cd8bb2277a165d2509a39254a6",
    "generic": "77b2e2c5b7c1d7b2d43bc1c3b2a7d4b82e14c20bd5a63a8a48528b8ec05c5127",
    "leaves": "7bb7ad99083573eabdfc80a71b07c18b819fc207c060c959499392bc9709a511",
    "nuclei-cosine": "40c20503f05349c55470acd10b9c39adeee51a6be9876b01130d5a3141af0418",
    "nuclei-fast": "e74eb010555d10b61c49f6fd82deef8b00253c0726234131ea261ff27e1a3d97",
    "nuclei-fluo": "8983999267af0e9b21fadfefcafece264080d1be4f7508df9ab7fb8dd36460fa",
    "nuclei-wnet": "1d6c9ee7f16403d8f061ef68589eff7e4c6276380ca373e4de4f70f560743cda",
    "volume": "b10aabe51dcfa322d62f95e6f811e53ee4af399f350cf6672e312ecc4a465940",
}
"""SHA-256 of each file, by the name of its model."""
