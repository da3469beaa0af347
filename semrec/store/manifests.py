"""The manifest of a generation as JSON text."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from semrec.errors import StoreError
from semrec.store.protocol import Manifest, VectorField

_VERSION = 1


def dump_manifest(manifest: Manifest) -> str:
    """Return the manifest as JSON; `load_manifest` gives an equal one back."""
    return json.dumps(asdict(manifest), ensure_ascii=False, allow_nan=False)


def load_manifest(text: str, where: str) -> Manifest:
    """Return the manifest written by `dump_manifest`.

    Parameters
    ----------
    text : JSON.
    where : named in the error.

    Raises
    ------
    StoreError
        It is not a manifest, or was written by a newer semrec.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        if values["version"] > _VERSION:
            raise StoreError(
                f"{where} was written by a newer semrec (manifest version {values['version']}, "
                f"this one reads {_VERSION}); upgrade semrec or index again"
            )
        values["vectors"] = tuple(VectorField(**field) for field in values["vectors"])
        values["text_mean"] = tuple(values["text_mean"])
        values["landmarks"] = tuple((key, x, y) for key, x, y in values.get("landmarks", ()))
        return Manifest(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{where} has a damaged manifest ({error}); index again") from error
