"""A sentence encoder of two small layers with random weights, written as a sentence-transformers folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = ("red", "green", "blue", "round", "square", "title", "something", "else")


def make_tiny_encoder(folder: Path, words: Iterable[str] = WORDS, seed: int = 0) -> Path:
    """Write the encoder: 32 dimensions, two layers, a vocabulary of these words and of single characters."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    from semrec.encoder.sentence_transformer import quiet_transformers

    pieces = [*SPECIAL, *dict.fromkeys([*words, *LETTERS, *(f"##{letter}" for letter in LETTERS)])]
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    source = folder.with_name(f"{folder.name}-bert")
    with quiet_transformers():
        BertModel(config).save_pretrained(source)
        tokenizer_of(pieces).save_pretrained(source)
        transformer = Transformer(str(source), max_seq_length=32)
        model = SentenceTransformer(modules=[transformer, Pooling(32)], device="cpu")
        model.save_pretrained(str(folder), create_model_card=False)
    return folder


def tokenizer_of(pieces: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer of BERT with this vocabulary."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import BertProcessing
    from transformers import PreTrainedTokenizerFast

    codes = {piece: code for code, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(codes, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", codes["[SEP]"]), ("[CLS]", codes["[CLS]"]))
    names = ("pad", "unk", "cls", "sep", "mask")
    special = {f"{name}_token": f"[{name.upper()}]" for name in names}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special)
