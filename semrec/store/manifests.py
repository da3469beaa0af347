"""The manifest of a generation as it is stored: JSON text, and its arrays in the safetensors format.

The JSON names the digest of the arrays, so a store can tell when the two do not belong together, and a digest
of its other values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from semrec.errors import StoreDamagedError, StoreError
from semrec.store.protocol import MANIFEST_VERSION, Manifest
from semrec.types import from_plain, to_plain
from semrec.version import __version__

OLDEST_VERSION = 2
"""Oldest version that can be opened; the embedded store brings it up to date."""

_ARRAYS, _DIGEST = "arrays", "digest"
_CHECKED_VERSION = 3
"""First version with a digest of the values."""


def dump_manifest(manifest: Manifest) -> tuple[str, bytes]:
    """Return the manifest as JSON, and its arrays as bytes; `load_manifest` returns an equal one.

    Returns
    -------
    text : JSON; its key `arrays` is the digest of the arrays, or null when there are none.
    arrays : in the safetensors format; empty when there are none.
    """
    arrays = b""
    if manifest.arrays:
        contiguous = {name: np.ascontiguousarray(array) for name, array in manifest.arrays.items()}
        arrays = safetensors.numpy.save(contiguous)
    values = to_plain(replace(manifest, arrays={}))
    values[_ARRAYS] = arrays_digest(arrays) if arrays else None
    return _dumped(values | {_DIGEST: _values_digest(values)}), arrays


def _dumped(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _values_digest(values: Mapping[str, Any]) -> str:
    return blake2b(_dumped(values).encode("utf-8", "replace"), digest_size=16).hexdigest()


def arrays_digest(arrays: bytes) -> str:
    """Return the hexadecimal digest by which a manifest names its arrays."""
    return blake2b(arrays, digest_size=16).hexdigest()


def require_current(manifest: Manifest, where: str) -> Manifest:
    """Return the manifest of a generation that is about to be opened.

    Raises
    ------
    StoreError
        An older semrec wrote the generation: its vectors have other names.
    """
    if manifest.version < OLDEST_VERSION:
        raise StoreError(
            f"{where} was written by an older semrec; build it again: semrec index CATALOG --rebuild"
        )
    return manifest


def load_manifest(
    text: str,
    read_arrays: Callable[[str], bytes],
    where: str,
    repair: Callable[[], str] = lambda: "index again",
) -> Manifest:
    """Return the manifest written by `dump_manifest`.

    Parameters
    ----------
    text : JSON.
    read_arrays : digest -> the bytes of the arrays; called only when the manifest has arrays.
    where : named in the error.
    repair : returns what to do about a damaged manifest.

    Raises
    ------
    StoreDamagedError
        The text is not a manifest or has changed since it was written, or the arrays are of another one.
    StoreError
        A newer semrec wrote it.
    """
    try:
        values = json.loads(text)
        if values["version"] > MANIFEST_VERSION:
            raise StoreError(
                f"{where} was written by a newer semrec ({values.get('semrec', 'unknown version')}); "
                f"this is {__version__}: update semrec (pip install --upgrade semrec)"
            )
        is_checked = values["version"] >= _CHECKED_VERSION
        if values.pop(_DIGEST, None) != _values_digest(values) and is_checked:
            raise ValueError("it has changed since it was written")
        digest = values.pop(_ARRAYS, None)
        arrays = {}
        if digest is not None:
            data = read_arrays(digest)
            if arrays_digest(data) != digest:
                raise ValueError("its arrays do not belong to it")
            arrays = safetensors.numpy.load(data)
        return from_plain(Manifest, values | {_ARRAYS: arrays})
    except (ValueError, KeyError, TypeError, AttributeError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise StoreDamagedError(f"{where} has a damaged manifest ({reason}): {repair()}") from error
