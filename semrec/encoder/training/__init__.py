"""Training of sentence encoders with sentence-transformers' trainer; needs the extra `semrec[finetune]`."""

from semrec.encoder.training.training_options import (
    Objective,
    TrainingOptions,
    TrainingProgress,
    TrainingResult,
)

__all__ = ["Objective", "TrainingOptions", "TrainingProgress", "TrainingResult"]
