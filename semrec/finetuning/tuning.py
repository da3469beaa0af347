"""A fine-tune from events to a folder, in order.

1. Hold out items, and one event a user: for the gate and for validation.
2. Plan the batches and train, with early stopping on items without events.
3. Encode the catalog with the tuned encoder.
4. The gate: the text signal on held-out items, and the blend, learned for each of the two encoders.
5. An encoder that passes becomes a sentence-transformers folder; another one is removed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.training import TrainingOptions, TrainingProgress, TrainingResult
from semrec.encoder.training.training_options import Encode
from semrec.encoder.truncated import truncate_rows
from semrec.errors import ConfigError
from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.per_user import Values
from semrec.evaluation.top_k import top_k
from semrec.files.atomic import write_atomically
from semrec.finetuning.batch_plan import history_batches, pair_batches
from semrec.finetuning.cold_quality import MOST_USERS, ColdQuestions, K, SmallQuestions
from semrec.finetuning.gate import Change, Verdict
from semrec.finetuning.held_out import HeldOut, hold_out, part_of
from semrec.finetuning.model_card import CARD, model_card
from semrec.finetuning.pairs import hard_negatives, partners
from semrec.learning import TrainingData, learn, scores
from semrec.learning.scoring import chunks
from semrec.signals.fitting import sorted_csr
from semrec.signals.text import item_vectors
from semrec.types import Float2D, Plain, Precision

if TYPE_CHECKING:
    from semrec.encoder.training.objectives import BatchObjective

LEAST_ITEMS, LEAST_USERS = 50, 50
"""Items with events, and users with two or more of them, that a fine-tune needs."""

LEAST_ASKED = 20
"""Users that the gate needs for each of its questions."""

Timed = TypeVar("Timed")

RUN, DRAFT = "run.json", "encoder"
"""Of the folder of a run: what it is a run of, and the trained encoder."""


@dataclass(frozen=True)
class ShopTexts:
    """What a fine-tune starts from.

    Parameters
    ----------
    encoder : name of the encoder of the index: `bundled`, a folder or a hub name.
    fingerprint : of that encoder.
    precision : what the index was encoded in; the tuned encoder is compared in the same.
    passages : of every item, at least one each.
    data : the events, and the vectors of the items as the index has them.
    """

    encoder: str
    fingerprint: str
    precision: Precision
    passages: Sequence[Sequence[str]]
    data: TrainingData


@dataclass(frozen=True, slots=True)
class FinetuneReport(Plain):
    """What a fine-tune did.

    Parameters
    ----------
    folder : the tuned encoder; None: it was refused, and removed.
    base : name of the encoder that was tuned.
    training : steps, texts, validation scores.
    verdict : NDCG@10 before and after.
    objections : why it was refused; empty if it passed.
    n_items, n_users, n_events : what it was learned from.
    seconds : by stage.
    """

    folder: str | None
    base: str
    training: TrainingResult
    verdict: Verdict
    objections: tuple[str, ...]
    n_items: int
    n_users: int
    n_events: int
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is called during a fine-tune.

    Parameters
    ----------
    stage : with the name of each stage, when it begins.
    training : after every batch.
    """

    stage: Callable[[str], None] = lambda name: None
    training: Callable[[TrainingProgress], None] = lambda progress: None


def finetune_encoder(
    shop: ShopTexts,
    options: TrainingOptions,
    settings: Settings,
    *,
    run: Path,
    result: Path,
    watch: Watch | None = None,
) -> FinetuneReport:
    """Tune an encoder on events, and write it to a folder if it passes the gate.

    Parameters
    ----------
    shop : texts, events, and the encoder to start from.
    options : how it is trained.
    settings : device, how texts are pooled.
    run : folder of the checkpoints. After a kill the same fine-tune goes on from the last one; another
        fine-tune removes them.
    result : folder of the tuned encoder, which appears in one step.
    watch : called during the work.

    Raises
    ------
    ConfigError
        The events are not enough, or a package is missing. Nothing was written.
    EncoderError
        The encoder cannot be loaded, or is no transformer.
    """
    from semrec.encoder.training.trainer import require_training_packages

    require_training_packages()
    return _Finetune(shop, options, settings, run, result, watch or Watch()).run()


class _Finetune:
    """The stages of a fine-tune; see `finetune_encoder`."""

    def __init__(
        self,
        shop: ShopTexts,
        options: TrainingOptions,
        settings: Settings,
        run: Path,
        result: Path,
        watch: Watch,
    ) -> None:
        self._shop = replace(shop, data=shop.data.sorted())
        self._options, self._settings, self._watch = options, settings, watch
        self._run, self._result = run, result
        self._parts = self._held_out()
        self._seconds: dict[str, float] = {}

    def run(self) -> FinetuneReport:
        """Run the stages."""
        self._open_run()
        training = self._timed("training", self._train)
        vectors = self._timed("encoding the catalog", self._encode_catalog)
        verdict = self._timed("comparing both encoders", lambda: self._judge(vectors))
        if verdict.passes:
            card = model_card(self._shop.encoder, self._options, training, verdict)
            self._publish(card)
        shutil.rmtree(self._run)
        used = self._used(self._parts.train)
        return FinetuneReport(
            folder=str(self._result) if verdict.passes else None,
            base=self._shop.encoder,
            training=training,
            verdict=verdict,
            objections=verdict.objections,
            n_items=len(np.unique(used.indices)),
            n_users=int((np.diff(used.indptr) > 0).sum()),
            n_events=used.nnz,
            seconds=self._seconds,
        )

    # -- the parts -------------------------------------------------------------------------------------

    def _held_out(self) -> HeldOut:
        """Return the parts of the events.

        Raises
        ------
        ConfigError
            The events are not enough.
        """
        user_items = self._shop.data.user_items
        n_items, n_users = len(np.unique(user_items.indices)), int((np.diff(user_items.indptr) >= 2).sum())
        if n_items < LEAST_ITEMS or n_users < LEAST_USERS:
            raise ConfigError(
                f"a fine-tune needs {LEAST_ITEMS} items with events and {LEAST_USERS} users with two or more "
                f"of them; there are {n_items} and {n_users}. Add events with: semrec events FILE"
            )
        parts = hold_out(user_items, self._options.seed)
        asked = {
            "items without events": len(self._questions(parts, parts.cold, parts.cold_items)),
            "validation": len(self._questions(parts, parts.validation, parts.validation_items)),
            "items with events": int(parts.warm.sum()),
        }
        for what, n_asked in asked.items():
            if n_asked < LEAST_ASKED:
                raise ConfigError(
                    f"the gate of a fine-tune needs {LEAST_ASKED} users to ask for {what}; these events "
                    f"leave {n_asked}. Add events with: semrec events FILE"
                )
        return parts

    def _used(self, entries: NDArray[np.bool_]) -> csr_array:
        return part_of(self._shop.data.user_items, entries)

    def _questions(
        self, parts: HeldOut, held: NDArray[np.bool_], candidates: NDArray[np.int64]
    ) -> ColdQuestions:
        return ColdQuestions.of(self._used(parts.train), self._used(held), candidates, self._options.seed)

    # -- training --------------------------------------------------------------------------------------

    def _open_run(self) -> None:
        """Go on with a run of the same fine-tune, or remove what another one has left."""
        this = json.dumps(
            {"encoder": self._shop.fingerprint, "events": self._digest(), **self._options.to_dict()}
        )
        with suppress(OSError):
            if (self._run / RUN).read_text(encoding="utf-8") == this:
                return
        shutil.rmtree(self._run, ignore_errors=True)
        self._run.mkdir(parents=True)
        write_atomically(self._run / RUN, this.encode())

    def _digest(self) -> str:
        """Return a hash of the texts and of who used what."""
        matrix, digest = self._shop.data.user_items, blake2b(digest_size=16)
        for part in (matrix.indptr, matrix.indices):
            digest.update(np.ascontiguousarray(part, np.int64).tobytes())
        for passages in self._shop.passages:
            digest.update("\0".join(passages).encode(errors="surrogatepass") + b"\1")
        return digest.hexdigest()

    def _train(self) -> TrainingResult:
        from semrec.encoder.training.trainer import train_encoder

        batches, objective = self._plan()
        shutil.rmtree(self._run / DRAFT, ignore_errors=True)
        return train_encoder(
            self._shop.encoder,
            [passages[0] for passages in self._shop.passages],
            batches,
            objective,
            self._validation(),
            self._options,
            self._run,
            result=self._run / DRAFT,
            device=self._settings.encoder.device,
            progress=self._watch.training,
        )

    def _plan(self) -> tuple[list[NDArray[np.int64]], Callable[[Any], BatchObjective]]:
        """Return the batches, and what makes the loss for a model."""
        from semrec.encoder.training.objectives import HistoryObjective, PairObjective

        options, train = self._options, self._used(self._parts.train)
        sizes = options.n_steps, options.batch_items, options.seed
        if options.objective == "histories":
            return history_batches(train, *sizes), lambda model: HistoryObjective(model, train)
        together = partners(train, options.seed)
        n_events = np.bincount(train.indices, minlength=train.shape[1])
        hard = hard_negatives(self._shop.data.text_vectors, together, n_events)
        batches = pair_batches(together, hard, n_events, *sizes)
        return batches, lambda model: PairObjective(model, together)

    def _validation(self) -> Callable[[Encode], float]:
        """Return NDCG@10 on items without events, as a function of the encoder."""
        parts, settings = self._parts, self._settings
        questions = self._questions(parts, parts.validation, parts.validation_items)
        small = SmallQuestions.of(questions, self._options.seed)
        texts = [self._shop.passages[item][0] for item in small.items]
        return lambda encode: float(np.nanmean(small.questions.found(encode(texts), settings)))

    # -- the gate --------------------------------------------------------------------------------------

    def _encode_catalog(self) -> Float2D:
        """Return the vectors of all items by the tuned encoder, float32 (n_items, dim)."""
        encoder = load_encoder(str(self._run / DRAFT), self._settings, precision=self._shop.precision)
        vectors = encoder.encode_documents([text for own in self._shop.passages for text in own])
        vectors = truncate_rows(vectors, self._shop.data.text_vectors.shape[1])
        ends = np.cumsum([len(own) for own in self._shop.passages])[:-1]
        return item_vectors(np.split(vectors, ends))

    def _judge(self, vectors: Float2D) -> Verdict:
        parts, seed, before = self._parts, self._options.seed, self._shop.data.text_vectors
        cold = self._questions(parts, parts.cold, parts.cold_items)
        found = cold.found(vectors, self._settings)
        strangers = cold.of_strangers().found(vectors, self._settings)
        return Verdict(
            cold=Change.of(cold.found(before, self._settings), found, seed),
            warm=Change.of(self._warm(before), self._warm(vectors), seed),
            own=Change.of(strangers, found, seed),
        )

    def _warm(self, vectors: Float2D) -> Values:
        """Return NDCG@10 of the held-out events of users, by the blend with these text vectors."""
        parts, data, seed = self._parts, self._shop.data, self._options.seed
        known = parts.train | parts.validation
        user_items = self._used(known)
        order = None if data.order is None else part_of(sorted_csr(data.order), known)
        part = replace(data, user_items=user_items, order=order, text_vectors=vectors)
        models = learn(part, settings=self._settings, seed=seed)
        wanted = self._used(parts.warm)
        users = np.flatnonzero(np.diff(wanted.indptr) > 0)
        users = np.sort(np.random.default_rng(seed).permutation(users)[:MOST_USERS])
        found = []
        for rows in chunks(len(users), user_items.shape[1]):
            asked = users[rows]
            scored = scores(models, user_items[asked], None if order is None else order[asked])
            scored[:, parts.cold_items] = -np.inf
            scored[user_items[asked].nonzero()] = -np.inf
            found.append(ndcg(find_hits(top_k(scored, K, wanted[asked]), wanted[asked])))
        return np.concatenate(found)

    def _publish(self, card: str) -> None:
        """Let the tuned encoder appear in its folder in one step."""
        beside = self._result.with_name(f".{self._result.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(self._run / DRAFT, beside)
        (beside / CARD).write_text(card, encoding="utf-8")
        beside.rename(self._result)

    def _timed(self, stage: str, work: Callable[[], Timed]) -> Timed:
        self._watch.stage(stage)
        started = time.monotonic()
        result = work()
        self._seconds[stage] = round(time.monotonic() - started, 1)
        return result
