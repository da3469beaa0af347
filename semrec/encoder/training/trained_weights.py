"""The weights of an encoder: which ones are trained, and how far the result goes from the old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from semrec.encoder.training.training_options import TrainingOptions
from semrec.errors import EncoderError


def prepare_weights(model: Any, options: TrainingOptions) -> Callable[[], None]:
    """Choose which weights are trained, and return what must be called at the end.

    Word vectors stay: they are half of the weights of a small encoder, and most words are in few texts.

    Parameters
    ----------
    model : a `SentenceTransformer`; changed in place.
    options : see `TrainingOptions.lora_rank`.

    Raises
    ------
    EncoderError
        The encoder is no transformer.
    """
    transformer = getattr(model[0], "model", None)
    if not isinstance(transformer, nn.Module) or not hasattr(transformer, "get_input_embeddings"):
        raise EncoderError("this encoder has no transformer: only transformers can be fine-tuned.")
    if options.lora_rank:
        return _add_lora(transformer, options.lora_rank)
    transformer.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]
    return lambda: None


def _add_lora(transformer: nn.Module, rank: int) -> Callable[[], None]:
    """Add small matrices to all linear layers (Hu et al., "LoRA", ICLR 2022); the call merges them."""
    from peft import LoraConfig, LoraModel

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", lora_dropout=0.0)
    tuner = LoraModel(transformer, config, "default")

    def merge() -> None:
        tuner.merge_and_unload()

    return merge


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the weights that are trained, by name."""
    named = model.named_parameters()
    return {name: weight.detach().clone() for name, weight in named if weight.requires_grad}


@contextmanager
def part_of_the_way(model: nn.Module, before: Mapping[str, Tensor], share: float) -> Iterator[None]:
    """Set the weights as `go_part_of_the_way` does, for the time of the context."""
    trained = trained_weights(model)
    go_part_of_the_way(model, before, share)
    try:
        yield
    finally:
        _set(model, trained)


def go_part_of_the_way(model: nn.Module, before: Mapping[str, Tensor], share: float) -> None:
    """Set the weights to old + share · (trained - old).

    The result keeps more of what the encoder knew (Wortsman et al., "Robust fine-tuning of zero-shot models",
    CVPR 2022). LoRA adds a product of two matrices: only the second one, which starts at 0, is scaled.

    Parameters
    ----------
    model : changed in place.
    before : as `trained_weights` returned them before the training.
    share : from 0 to 1.
    """
    _set(
        model,
        {
            name: weight if "lora_A" in name else before[name].lerp(weight, share)
            for name, weight in trained_weights(model).items()
        },
    )


def _set(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in weights:
                weight.copy_(weights[name])
