"""From a sentence-transformers model to ONNX, in float32 and in int8: made once, kept in the cache folder.

The transformer is exported by torch, its attention and layer norms are fused by onnxruntime's optimizer for
BERT, and the weights of its matrix products become int8, one scale an output channel; activations are
quantised as they come (dynamic quantisation). Fusing first makes the model twice as fast as quantising the
plain graph. The exporter is the one by tracing: its graph is the one that the optimizer knows.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from semrec.encoder.digest import sha256_of
from semrec.encoder.encoder import Encoder
from semrec.encoder.onnx import MODELS, TOKENIZER, Card, DamagedExportError, OnnxEncoder
from semrec.encoder.sentence_transformer import SentenceTransformerEncoder
from semrec.errors import EncoderError

PROBES = ("a short text", "read and write JSON quickly " * 12, "", "科幻小说")
LEAST_COSINE = {"int8": 0.9, "float32": 0.9999}
"""An export whose vectors of the probes are further from the model's is no export of it."""


def export(encoder: SentenceTransformerEncoder, folder: Path, batch_tokens: int) -> OnnxEncoder:
    """Export a loaded float32 encoder, and return it in int8; two processes may do so at once.

    Parameters
    ----------
    encoder : its model is left as it is.
    folder : appears in one step when the export is complete and gives nearly the vectors of `encoder`; what
        was there and is not whole is replaced. Where nothing can be written, the export is not kept.
    batch_tokens : most tokens in one batch of the returned encoder.

    Raises
    ------
    EncoderError
        The model has modules that are not known here, or it cannot be exported.
    """
    model = encoder.model
    transformer, pooling = known_modules(model)
    try:
        with temporary_folder(folder.parent) as temporary:
            made = Path(temporary) / "export"
            made.mkdir()
            with quiet():
                write_models(transformer, made)
            model.tokenizer.backend_tokenizer.save(str(made / TOKENIZER))
            Card(
                fingerprint=encoder.fingerprint,
                dimension=encoder.dimension,
                max_tokens=encoder.max_tokens,
                special_tokens=model.tokenizer.num_special_tokens_to_add(),
                pooling=pooling,
                pad_id=model.tokenizer.pad_token_id or 0,
                query_prompt=encoder.query_prompt,
                document_prompt=encoder.document_prompt,
                sha256={name: sha256_of(made / name) for name in (*MODELS.values(), TOKENIZER)},
            ).write(made)
            for precision in ("float32", "int8"):
                exported = OnnxEncoder(made, encoder.name, batch_tokens, precision)
                check_same(encoder, exported)
            with suppress(OSError):
                publish(made, folder)
            return exported
    except EncoderError:
        raise
    except Exception as error:  # the exporter, the optimizer and the quantizer raise whatever they like
        reason = str(error).strip().split("\n")[0]
        raise EncoderError(f"cannot export the encoder {encoder.name!r} to int8: {reason}") from error


def known_modules(model: SentenceTransformer) -> tuple[Transformer, str]:
    """Return the transformer of a model and its way of pooling, `mean` or `cls`.

    Raises
    ------
    EncoderError
        The model computes something else besides.
    """
    modules = list(model)
    kinds = [type(module) for module in modules]
    if kinds[:2] != [Transformer, Pooling] or any(kind is not Normalize for kind in kinds[2:]):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise EncoderError(f"cannot export an encoder of the modules {names} to int8.")
    pooling = modules[1].pooling_mode
    if pooling not in ("mean", "cls") or not modules[1].include_prompt:
        raise EncoderError(f"cannot export an encoder with the pooling {pooling!r} to int8.")
    return cast("Transformer", modules[0]), cast("str", pooling)


class TokenVectors(torch.nn.Module):
    """The transformer alone: ids and mask in, one vector a token out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return float32 (n, tokens, dimension)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def write_models(transformer: Transformer, folder: Path) -> None:
    """Export, fuse and quantise the transformer."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    model: Any = copy.deepcopy(cast("torch.nn.Module", transformer.model)).to("cpu", torch.float32).eval()
    model.set_attn_implementation("eager")  # the fused kernels of torch are not what the optimizer knows
    plain, fused = folder / "plain.onnx", folder / MODELS["float32"]
    ids = torch.full((2, 16), 100)
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.no_grad():
        torch.onnx.export(
            TokenVectors(model),
            (ids, mask),
            str(plain),
            input_names=["input_ids", "attention_mask"],
            output_names=["token_vectors"],
            dynamic_axes={
                name: {0: "texts", 1: "tokens"} for name in ("input_ids", "attention_mask", "token_vectors")
            },
            opset_version=17,
            dynamo=False,
        )
    config = model.config
    optimize_model(
        str(plain),
        model_type="bert",
        num_heads=getattr(config, "num_attention_heads", 0),
        hidden_size=getattr(config, "hidden_size", 0),
        opt_level=0,
    ).save_model_to_file(str(fused))
    quantize_dynamic(
        fused,
        folder / MODELS["int8"],
        op_types_to_quantize=["MatMul", "Attention"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "DefaultTensorType": TensorProto.FLOAT},
    )
    plain.unlink()


def temporary_folder(parent: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes with its context: in `parent` or, where that cannot be, in the system's."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix="making-", dir=parent)
    except OSError:
        return tempfile.TemporaryDirectory(prefix="semrec-")


def check_same(encoder: Encoder, exported: Encoder) -> None:
    """Raise `EncoderError` unless both give nearly the same vectors."""
    cosines = (encoder.encode_documents(PROBES) * exported.encode_documents(PROBES)).sum(axis=1)
    if not cosines.min() >= LEAST_COSINE[exported.precision]:
        raise EncoderError(
            f"the encoder {encoder.name!r} gives other vectors as {exported.precision} on onnxruntime: "
            f"cosine {cosines.min():.4f}."
        )


def publish(made: Path, folder: Path) -> None:
    """Put a complete export in its place; a whole one that another process put there first stays."""
    try:
        made.rename(folder)
    except OSError:
        try:
            Card.read(folder)
        except DamagedExportError:
            # Aside first: a folder with files cannot be replaced in one step.
            folder.rename(made.parent / "damaged")
            made.rename(folder)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporter and quantizer say to developers off the terminal."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
