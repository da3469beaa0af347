"""The training itself: sentence-transformers' trainer on planned batches, with validation and checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import DefaultBatchSampler
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from semrec.encoder.sentence_transformer import (
    computes_bfloat16,
    load_sentence_transformer,
    quiet_transformers,
)
from semrec.encoder.training.objectives import BatchObjective
from semrec.encoder.training.trained_weights import (
    go_part_of_the_way,
    part_of_the_way,
    prepare_weights,
    trained_weights,
)
from semrec.encoder.training.training_options import Encode, TrainingOptions, TrainingProgress, TrainingResult
from semrec.errors import ConfigError
from semrec.files.atomic import write_atomically
from semrec.mathematics.rows import unit_rows

if TYPE_CHECKING:
    from torch import Tensor

    from semrec.types import Float2D

WEIGHTS, STATE, CLOCK = "model.safetensors", "trainer_state.json", "clock.json"
"""Files of a checkpoint: the weights, what the trainer writes last, and the seconds used so far."""

SCORE = "score"
ENCODED_TEXTS = 64
"""Texts that are encoded together for a validation."""


def train_encoder(
    name: str,
    texts: Sequence[str],
    batches: Sequence[NDArray[np.int64]],
    objective: Callable[[SentenceTransformer], BatchObjective],
    validate: Callable[[Encode], float],
    options: TrainingOptions,
    folder: Path,
    *,
    result: Path,
    device: str | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Train an encoder, and write it as a sentence-transformers folder.

    Parameters
    ----------
    name : the encoder to start from: a hub name, a folder, or `bundled`.
    texts : one text an item.
    batches : the items of each batch, all different.
    objective : makes the loss for a model.
    validate : a function that encodes texts -> a score, larger is better.
    options : see `TrainingOptions`.
    folder : of the checkpoints; if there are some of the same training, it goes on from the last one.
    result : folder of the trained encoder; it does not exist yet.
    device : torch device; None: the best one.
    progress : called after every batch.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded, or is no transformer.
    """
    model = load_sentence_transformer(name, device=device, batch_tokens=1, precision="float32").model
    torch.manual_seed(options.seed)  # of the matrices of LoRA
    longest = model.max_seq_length
    merge = prepare_weights(model, options)
    before = trained_weights(model)
    model.max_seq_length = min(options.max_tokens, longest or options.max_tokens)
    clock = _Clock(folder, options.minutes * 60, progress)
    arguments = _arguments(model, options, len(batches), folder)
    with quiet_transformers():
        trainer = _Trainer(
            batches,
            model=model,
            args=arguments,
            train_dataset=_dataset(texts),
            loss=objective(model),
            evaluator=_Validation(validate, before, options.kept_share, arguments.bf16),
            callbacks=[clock, EarlyStoppingCallback(options.patience)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        go_part_of_the_way(model, before, options.kept_share)
        merge()
        model.max_seq_length = longest
        model.save_pretrained(str(result), create_model_card=False)
    scores = {int(log["step"]): float(log[f"eval_{SCORE}"]) for log in _validations(trainer)}
    best = trainer.state.best_global_step or trainer.state.global_step
    return TrainingResult(
        steps=trainer.state.global_step,
        n_texts=sum(len(batch) for batch in batches[: trainer.state.global_step]),
        seconds=clock.seconds,
        scores=scores,
        best_step=int(best),
        device=str(model.device),
        precision="bfloat16" if arguments.bf16 else "float32",
    )


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint; None if there is none."""
    complete = [path for path in folder.glob("checkpoint-*") if (path / STATE).is_file()]
    steps = {int(path.name.rpartition("-")[2]): path for path in complete}
    return str(steps[max(steps)]) if steps else None


def require_training_packages() -> None:
    """Raise `ConfigError` unless the packages that a training needs are installed."""
    try:
        import accelerate  # noqa: F401
        import datasets  # noqa: F401
        import peft  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"a fine-tune needs the package {error.name!r}: pip install 'semrec[finetune]'"
        ) from error


def _arguments(
    model: SentenceTransformer, options: TrainingOptions, n_steps: int, folder: Path
) -> SentenceTransformerTrainingArguments:
    every = max(1, -(-n_steps // options.n_validations))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=n_steps,
        per_device_train_batch_size=options.batch_items,
        learning_rate=options.rate,
        warmup_steps=max(1, n_steps // 10),
        weight_decay=0.01,
        use_cpu=model.device.type == "cpu",
        bf16=computes_bfloat16(model.device),
        seed=options.seed,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=every,
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=SCORE,
        greater_is_better=True,
        dataloader_pin_memory=False,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    # One process uses one device: the parts of a batch must be compared with each other.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _dataset(texts: Sequence[str]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"text": list(texts), "label": list(range(len(texts)))})


def _validations(trainer: SentenceTransformerTrainer) -> list[dict[str, Any]]:
    return [log for log in trainer.state.log_history if f"eval_{SCORE}" in log]


class _PlannedBatches(DefaultBatchSampler):
    """The batches as they were planned."""

    def __init__(self, dataset: Any, batches: Sequence[NDArray[np.int64]], batch_size: int) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=False)
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter([batch.tolist() for batch in self._batches])

    def __len__(self) -> int:
        return len(self._batches)


class _Trainer(SentenceTransformerTrainer):
    """The trainer on planned batches. A checkpoint holds all weights in one file, also those of LoRA."""

    def __init__(self, batches: Sequence[NDArray[np.int64]], **options: Any) -> None:
        self._batches = batches
        super().__init__(**options)

    def get_batch_sampler(self, dataset: Any, batch_size: int, *args: Any, **options: Any) -> Any:
        """Return the planned batches."""
        return _PlannedBatches(dataset, self._batches, batch_size)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Do nothing: texts of the shop do not belong into a model card."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: weight.contiguous() for name, weight in self.model.state_dict().items()}
        save_file(weights, folder / WEIGHTS)

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        self.model.load_state_dict(load_file(Path(checkpoint_path) / WEIGHTS))


class _Validation(BaseEvaluator):
    """Validates the weights that the result would have now."""

    def __init__(
        self, validate: Callable[[Encode], float], before: Mapping[str, Tensor], share: float, bf16: bool
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = SCORE
        self._validate, self._before, self._share, self._bf16 = validate, before, share, bf16

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        def encode(texts: Sequence[str]) -> Float2D:
            with torch.autocast(model.device.type, torch.bfloat16, enabled=self._bf16):
                vectors = model.encode(list(texts), batch_size=ENCODED_TEXTS, show_progress_bar=False)
            return unit_rows(np.asarray(vectors, np.float32))

        with part_of_the_way(model, self._before, self._share):
            return {SCORE: self._validate(encode)}


class _Clock(TrainerCallback):
    """Ends the training when its time is over, and says how far it is.

    Parameters
    ----------
    folder : of the checkpoints; the time that earlier runs used is stored there.
    budget_s : the time there is, in seconds.
    progress : called after every batch.
    """

    def __init__(
        self, folder: Path, budget_s: float, progress: Callable[[TrainingProgress], None] | None
    ) -> None:
        self._file, self._budget_s, self._progress = folder / CLOCK, budget_s, progress
        self._earlier = 0.0
        with suppress(OSError, ValueError):
            self._earlier = float(json.loads(self._file.read_text())["seconds"])
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds used, those of earlier runs included."""
        return self._earlier + time.monotonic() - self._started

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the progress; validate, save and stop when the time is over."""
        if self._progress:
            best = state.best_metric
            self._progress(
                TrainingProgress(state.global_step, state.max_steps, self.seconds, self._budget_s, best)
            )
        if self.seconds >= self._budget_s or state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Store the time that is used."""
        write_atomically(self._file, json.dumps({"seconds": self.seconds}).encode())
