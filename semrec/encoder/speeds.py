"""How fast a model is on this machine in every precision: measured once, remembered in the cache folder."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, get_args

from semrec.types import Precision

FILE = "speeds.json"

KEPT_S = 30 * 86_400
"""Machines change: what was measured longer ago is measured anew."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """What is known of one model.

    Parameters
    ----------
    folder : the cache folder.
    fingerprint : of the model in float32; None: only loading it tells, so nothing is remembered.
    device : the one asked for; None: the best.
    """

    folder: Path
    fingerprint: str | None = None
    device: str | None = None

    def known(self) -> dict[Precision, float]:
        """Return texts a second by precision; {} when nothing is known."""
        try:
            found = self._read()[self._key]
            rates = {precision: float(rate) for precision, rate in found["rates"].items()}
            makes_sense = "float32" in rates and rates.keys() <= set(get_args(Precision))
            return rates if makes_sense and time.time() - found["measured_at"] < KEPT_S else {}
        except (KeyError, TypeError, ValueError, AttributeError):
            return {}

    def remember(self, rates: Mapping[Precision, float]) -> None:
        """Write down what was measured; where nothing can be written, it is measured again next time."""
        if self.fingerprint is None:
            return
        known = {**self._read(), self._key: {"measured_at": time.time(), "rates": dict(rates)}}
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=self.folder, prefix=FILE, delete=False) as file:
                json.dump(known, file, indent=1)
            Path(file.name).replace(self.folder / FILE)

    @property
    def _key(self) -> str:
        """The model and the machine; with a graphics card or another library it is another one."""
        graphics = Path("/dev/nvidiactl").exists()
        libraries = [version("torch"), version("onnxruntime")]
        threads = os.environ.get("OMP_NUM_THREADS")
        machine = [platform.node(), platform.machine(), os.cpu_count(), threads, graphics, *libraries]
        return json.dumps([self.fingerprint, self.device, *machine])

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
