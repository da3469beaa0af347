"""Fine-tuning of the encoder on the events of a shop: what is held out, batches, the gate, the report.

Arrays and texts in, a folder and a report out. The training itself is in `semrec.encoder.training`.
"""

from semrec.finetuning.tuning import FinetuneReport, finetune_encoder

__all__ = ["FinetuneReport", "finetune_encoder"]
