"""What `fit` learned besides the vectors of the items; the manifest of a generation keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from semrec.errors import StoreDamagedError
from semrec.signals import SIGNALS
from semrec.signals.blend import BlendWeights
from semrec.signals.fitting import Parameters
from semrec.signals.models.text_map import without_text_map
from semrec.signals.predicted_ratings import RATING
from semrec.store.protocol import Manifest

_WEIGHTS = TypeAdapter(BlendWeights)


@dataclass(frozen=True, slots=True)
class LearnedSettings:
    """What was learned, besides the vectors of the items.

    Parameters
    ----------
    weights : of the blend, for questions with a history.
    half_life_events : events after which one counts half; None: order does not matter.
    rating_scale : the lowest and the highest rating that occurred; None without ratings.
    parameters : of each fitted signal by its name, and of the predicted ratings, if there were ratings.
    """

    weights: BlendWeights
    half_life_events: float | None
    rating_scale: tuple[float, float] | None
    parameters: Mapping[str, Parameters]

    @classmethod
    def of(cls, manifest: Manifest) -> LearnedSettings | None:
        """Return what the manifest of a generation keeps; None before the first fit."""
        stored: Any = manifest.models.get("learned")
        if not isinstance(stored, Mapping):
            return None
        try:
            return cls._read(stored, manifest.arrays)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreDamagedError(
                f"what `fit` learned is damaged ({type(error).__name__}): `semrec index CATALOG --rebuild`, "
                "then `semrec fit`"
            ) from error

    @classmethod
    def _read(cls, stored: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LearnedSettings:
        parameters: dict[str, dict[str, Any]] = {
            name: dict(values) for name, values in stored["parameters"].items()
        }
        for place, array in arrays.items():
            signal, _, name = place.partition(".")
            parameters[signal][name] = array
        scale = stored["rating_scale"]
        return cls(
            _WEIGHTS.validate_python(stored["weights"]),
            stored["half_life_events"],
            (scale[0], scale[1]) if scale else None,
            parameters,
        )

    def stored_in(self, manifest: Manifest) -> Manifest:
        """Return the manifest with this in it: numbers in its JSON, arrays beside it."""
        plain: dict[str, dict[str, Any]] = {}
        arrays: dict[str, np.ndarray] = {}
        for signal, parameters in self.parameters.items():
            plain[signal] = {}
            for name, value in parameters.items():
                if isinstance(value, np.ndarray):
                    arrays[f"{signal}.{name}"] = value
                else:
                    plain[signal][name] = value
        learned = {
            "weights": asdict(self.weights),
            "half_life_events": self.half_life_events,
            "rating_scale": self.rating_scale,
            "parameters": plain,
        }
        return replace(manifest, models={"learned": learned}, arrays=arrays)

    def without_text(self) -> tuple[LearnedSettings, list[str]]:
        """Return this for text vectors of another encoder, and what is lost, in words."""
        kept, notes = dict(self.parameters), []
        for signal in SIGNALS:
            if signal.name in kept:
                kept[signal.name], note = signal.without_text(kept[signal.name])
                notes += [note] if note else []
        if RATING in kept:
            kept[RATING] = without_text_map(kept[RATING])
        return replace(self, parameters=kept), notes
