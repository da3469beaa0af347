"""The model card of a tuned encoder: the README.md of its folder."""

from __future__ import annotations

from semrec.encoder.training import TrainingOptions, TrainingResult
from semrec.finetuning.gate import Change, Verdict
from semrec.version import __version__

CARD = "README.md"


def model_card(base: str, options: TrainingOptions, training: TrainingResult, verdict: Verdict) -> str:
    """Return the card in Markdown, with the fields that model hubs read; no text of the shop is in it.

    Parameters
    ----------
    base : name of the encoder that was tuned.
    options, training, verdict : how it was trained, and what the gate found.
    """
    kind = f"LoRA of rank {options.lora_rank}" if options.lora_rank else "all weights but the word vectors"
    rows = "\n".join(
        _row(name, change)
        for name, change in {
            "items without events, text alone": verdict.cold,
            "items with events, the whole blend": verdict.warm,
        }.items()
    )
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- sentence-similarity
- recommendation
---

# {base}, tuned on the events of a shop

Made by `semrec finetune` (semrec {__version__}) from `{base}`: {kind}, objective `{options.objective}`,
{training.n_texts:,} texts in {training.steps:,} steps, learning rate {options.rate:g}, {training.precision},
{training.seconds / 60:.1f} minutes. The result goes {options.kept_share:g} of the way from the old weights to
the weights of step {training.best_step}.

NDCG@10 on held-out events, with the 95 % bootstrap interval of the difference:

| | before | after | difference | users |
|---|---|---|---|---|
{rows}

```python
from sentence_transformers import SentenceTransformer

vectors = SentenceTransformer("FOLDER").encode(["a text"])
```
"""


def _row(name: str, change: Change) -> str:
    interval = f"{change.low:+.4f} … {change.high:+.4f}"
    return f"| {name} | {change.before:.4f} | {change.after:.4f} | {interval} | {change.n_users:,} |"
