"""Export of a sentence-transformers model to ONNX, in float32 and int8; done once, kept in the cache folder.

torch exports the transformer; onnxruntime's optimizer for BERT fuses attention and layer norms; the weights
of matrix products are quantised to int8 with one scale for each output channel, activations while they are
computed (dynamic quantisation). With fused operators the int8 model is twice as fast as without. torch's
tracing exporter is used, because the optimizer only recognises its graphs.
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
"""Least cosine between the vectors of the model and of its export, over the probes."""


def export(encoder: SentenceTransformerEncoder, folder: Path, batch_tokens: int) -> OnnxEncoder:
    """Export a loaded float32 encoder, and return it in int8. Several processes may export at once.

    Parameters
    ----------
    encoder : its model is not changed.
    folder : it appears in one step once the export is complete and its vectors are checked; a damaged export
        is replaced. If nothing can be written there, the export is not kept.
    batch_tokens : most tokens in one batch of the returned encoder.

    Raises
    ------
    EncoderError
        The model has unsupported modules, or the export fails.
    """
    model = encoder.model
    transformer, pooling = known_modules(model)
    try:
        with temporary_folder(folder.parent) as temporary:
            draft = Path(temporary) / "export"
            draft.mkdir()
            with quiet():
                write_models(transformer, draft)
            model.tokenizer.backend_tokenizer.save(str(draft / TOKENIZER))
            Card(
                fingerprint=encoder.fingerprint,
                dimension=encoder.dimension,
                max_tokens=encoder.max_tokens,
                special_tokens=model.tokenizer.num_special_tokens_to_add(),
                pooling=pooling,
                pad_id=model.tokenizer.pad_token_id or 0,
                query_prompt=encoder.query_prompt,
                document_prompt=encoder.document_prompt,
                sha256={name: sha256_of(draft / name) for name in (*MODELS.values(), TOKENIZER)},
            ).write(draft)
            for precision in ("float32", "int8"):
                exported = OnnxEncoder(draft, encoder.name, batch_tokens, precision)
                check_same(encoder, exported)
            with suppress(OSError):
                publish(draft, folder)
            return exported
    except EncoderError:
        raise
    except Exception as error:  # exporter, optimizer and quantizer have no common base class of errors
        reason = str(error).strip().split("\n")[0]
        raise EncoderError(f"cannot export the encoder {encoder.name!r} to int8: {reason}") from error


def known_modules(model: SentenceTransformer) -> tuple[Transformer, str]:
    """Return the transformer of a model and its pooling, `mean` or `cls`.

    Raises
    ------
    EncoderError
        The model has other modules, or another pooling.
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
    """The transformer without pooling: ids and mask in, one vector a token out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return float32 (n, tokens, dimension)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def write_models(transformer: Transformer, folder: Path) -> None:
    """Export the transformer, fuse its operators, and quantise it."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    model: Any = copy.deepcopy(cast("torch.nn.Module", transformer.model)).to("cpu", torch.float32).eval()
    model.set_attn_implementation("eager")  # the optimizer does not recognise torch's fused attention
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
    """Return a folder that is removed with its context: in `parent` or, if that fails, in the system's."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix="making-", dir=parent)
    except OSError:
        return tempfile.TemporaryDirectory(prefix="semrec-")


def check_same(encoder: Encoder, exported: Encoder) -> None:
    """Raise `EncoderError` unless both encoders compute nearly the same vectors."""
    cosines = (encoder.encode_documents(PROBES) * exported.encode_documents(PROBES)).sum(axis=1)
    if not cosines.min() >= LEAST_COSINE[exported.precision]:
        raise EncoderError(
            f"the encoder {encoder.name!r} computes other vectors in {exported.precision} on "
            f"onnxruntime: cosine {cosines.min():.4f}."
        )


def publish(draft: Path, folder: Path) -> None:
    """Move a complete export to its folder, unless another process has finished a complete one there."""
    try:
        draft.rename(folder)
    except OSError:
        try:
            Card.read(folder)
        except DamagedExportError:
            # A folder with files cannot be replaced in one step.
            folder.rename(draft.parent / "damaged")
            draft.rename(folder)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the warnings and messages of exporter and quantizer."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
