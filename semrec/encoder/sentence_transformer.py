"""Sentence encoders of sentence-transformers, on torch."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from semrec.encoder.batching import BatchedEncoder, token_batches
from semrec.encoder.fingerprint import folder_fingerprint, with_precision
from semrec.encoder.model_path import model_path
from semrec.errors import EncoderError
from semrec.mathematics.rows import unit_rows
from semrec.types import Float2D, Precision

MOST_TOKENS = 2**18
"""Larger batches are not faster on a graphics card."""


class SentenceTransformerEncoder(BatchedEncoder):
    """An encoder on torch; see `Encoder` for the attributes.

    Parameters
    ----------
    model : the loaded model, in evaluation mode.
    name : the name that it was requested by.
    fingerprint : hash of its files, with the precision unless it is float32.
    precision : what the model computes in.
    batch_tokens : most tokens in one batch, padding included; on a graphics card as many as fit.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        name: str,
        fingerprint: str,
        precision: Precision,
        batch_tokens: int,
    ) -> None:
        self.model = model
        self._batch_tokens = max(batch_tokens, batch_tokens_of(model))
        super().__init__(Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str()))
        self.name = name
        self.fingerprint = fingerprint
        self.precision = precision
        self.device = str(model.device)
        prompts = model.prompts
        self.query_prompt = prompts.get("query") or ""
        self.document_prompt = next(
            (text for text in map(prompts.get, ("document", "passage", "corpus")) if text), ""
        )
        self.dimension = int(model.get_embedding_dimension() or 0)
        # Models without a limit of their own get that of BERT.
        self.max_tokens = int(model.max_seq_length or 512)
        special = model.tokenizer.num_special_tokens_to_add()
        self.passage_tokens = self.max_tokens - special - self.count_tokens([self.document_prompt])[0]

    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> Float2D:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for rows in token_batches(self.count_tokens(texts), self._batch_tokens):
            vectors[rows] = self.model.encode(
                [texts[row] for row in rows],
                prompt=prompt,
                batch_size=len(rows),
                show_progress_bar=False,
            )
            if progress:
                progress(len(rows))
        return unit_rows(vectors)  # float32 in any precision, so that lengths are exactly 1


def batch_tokens_of(model: SentenceTransformer) -> int:
    """Return the tokens of one batch on a graphics card, by its free memory; 0 on other devices.

    Small batches fit into a processor's cache, but leave a graphics card idle most of the time.
    """
    if model.device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(model.device)
    config: Any = getattr(getattr(model[0], "model", None), "config", None)
    if config is None:  # no transformer
        return 0
    number_bytes = next(model.parameters()).element_size()
    return tokens_that_fit(free, config.hidden_size, config.intermediate_size, number_bytes)


def tokens_that_fit(free_bytes: int, hidden: int, intermediate: int, number_bytes: int) -> int:
    """Return how many tokens of a BERT model fit into half of the free memory, at most `MOST_TOKENS`.

    Parameters
    ----------
    free_bytes : free memory of the device.
    hidden, intermediate : components of a token's vector, between the layers and inside a layer.
    number_bytes : bytes of one component.
    """
    # In memory at the same time: a layer's input, queries, keys, values, the attention's output and its sum
    # with the input, and the inner vector before and after the activation.
    per_token = (6 * hidden + 2 * intermediate) * number_bytes
    return min(MOST_TOKENS, free_bytes // 2 // per_token)


def pick_device(device: str | None) -> str:
    """Return `device`, or the best one of this machine: cuda, else mps, else cpu."""
    if device:
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_sentence_transformer(
    name: str, *, device: str | None, batch_tokens: int, precision: Precision = "float32"
) -> SentenceTransformerEncoder:
    """Load an encoder by hub name, by folder, or the bundled one.

    Parameters
    ----------
    name : `bundled`, a folder, or a name on the model hub.
    device : torch device; None picks one.
    batch_tokens : most tokens in one batch.
    precision : float32 or bfloat16.

    Raises
    ------
    EncoderError
        The model is missing or damaged, or can only be loaded by running its code.
    """
    path = model_path(name)
    try:
        with quiet_transformers():
            model = SentenceTransformer(
                path,
                device=pick_device(device),
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:  # the libraries have no common base class of errors
        reason = str(error).strip().split("\n")[0]
        raise EncoderError(
            f"cannot load the encoder {name!r}: {reason}. Give a folder with a sentence-transformers "
            "model in safetensors format, a name on the model hub, or 'bundled'."
        ) from error
    model.eval()
    found = fingerprint(model, path)
    if precision == "float32":
        return SentenceTransformerEncoder(model, name, found, precision, batch_tokens)
    if precision == "bfloat16" and computes_bfloat16(model.device):
        return SentenceTransformerEncoder(
            model.to(torch.bfloat16), name, with_precision(found, precision), precision, batch_tokens
        )
    raise EncoderError(f"this machine ({model.device}) cannot run the encoder {name!r} in {precision}.")


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for bfloat16; without them float32 is faster."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    has: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older torch
    return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))


def fingerprint(model: SentenceTransformer, path: str) -> str:
    """Return a hash of everything that determines the vectors: 32 hexadecimal digits.

    Parameters
    ----------
    model : the loaded model.
    path : the folder that it was loaded from; for a model of the hub the weights in memory are hashed.
    """
    if Path(path).is_dir():
        return folder_fingerprint(Path(path))
    digest = hashlib.blake2b(digest_size=16)
    digest.update(model.tokenizer.backend_tokenizer.to_str().encode())
    digest.update(repr(sorted(model.prompts.items())).encode())
    for parameter, value in sorted(model.state_dict().items()):
        digest.update(parameter.encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def quiet_transformers() -> Iterator[Any]:
    """Hide the progress bars and messages of the libraries while a model loads."""
    hub = logging.getLogger("huggingface_hub")
    levels = transformers_logging.get_verbosity(), hub.level
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hub.setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(levels[0])
        hub.setLevel(levels[1])
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
