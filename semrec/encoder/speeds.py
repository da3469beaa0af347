"""How fast a model is on this machine in each precision: measured once, stored in the cache folder."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from semrec.files.atomic import write_atomically
from semrec.types import Plain, Precision

FILE = "speeds.json"

KEPT_S = 30 * 86_400
"""Older measurements are repeated: the machine may have changed."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speeds of one model on one machine.

    Parameters
    ----------
    measured_at : unix seconds.
    rates : texts a second, by precision.
    """

    measured_at: float
    rates: Mapping[Precision, float]


@dataclass(frozen=True, slots=True)
class SpeedFile(Plain):
    """The content of the file; a key names the model and the machine."""

    measurements: Mapping[str, Measurement] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Speeds:
    """The measured speeds of one model.

    Parameters
    ----------
    folder : the cache folder.
    fingerprint : of the model in float32; None if it is only known after loading; then nothing is stored.
    device : the requested one; None: the best.
    """

    folder: Path
    fingerprint: str | None = None
    device: str | None = None

    def known(self) -> Mapping[Precision, float]:
        """Return texts a second by precision; empty if nothing is known."""
        found = self._read().measurements.get(self._key)
        if found is None or time.time() - found.measured_at > KEPT_S or "float32" not in found.rates:
            return {}
        return found.rates

    def store(self, rates: Mapping[Precision, float]) -> None:
        """Store measured speeds; if the file cannot be written, they are measured again next time."""
        if self.fingerprint is None:
            return
        measured = {**self._read().measurements, self._key: Measurement(time.time(), rates)}
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            content = json.dumps(SpeedFile(measured).to_dict(), indent=1)
            write_atomically(self.folder / FILE, content.encode())

    @property
    def _key(self) -> str:
        """The model and the machine; a new graphics card or library version is another machine."""
        graphics = Path("/dev/nvidiactl").exists()
        libraries = [version("torch"), version("onnxruntime")]
        threads = os.environ.get("OMP_NUM_THREADS")
        machine = [platform.node(), platform.machine(), os.cpu_count(), threads, graphics, *libraries]
        return json.dumps([self.fingerprint, self.device, *machine])

    def _read(self) -> SpeedFile:
        try:
            return SpeedFile.from_dict(json.loads((self.folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return SpeedFile()
