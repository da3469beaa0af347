"""Where the files of a model are; nothing is loaded."""

from __future__ import annotations

from pathlib import Path

from semrec.encoder.bundled import BUNDLED, bundled_model
from semrec.errors import EncoderError


def model_path(name: str) -> str:
    """Return the folder of a model, or its name on the hub.

    Raises
    ------
    EncoderError
        The name can only be a folder, and the folder does not exist.
    """
    path = str(bundled_model()) if name == BUNDLED else name
    if looks_like_folder(path) and not Path(path).is_dir():
        raise EncoderError(f"cannot load the encoder {name!r}: the folder does not exist.")
    return path


def looks_like_folder(name: str) -> bool:
    """Return whether a model name can only mean a folder: hub names are `owner/model` or `model`."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
