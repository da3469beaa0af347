"""The command `finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    ModelOption,
    QdrantOption,
    WorkspaceOption,
    opened_workspace,
)
from semrec.cli.printing import err, out, print_json, print_warning

if TYPE_CHECKING:
    from semrec.encoder.training import TrainingOptions, TrainingProgress
    from semrec.finetuning.tuning import FinetuneReport
    from semrec.recommender import Recommender


def finetune(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    model: ModelOption = None,
    minutes: Annotated[
        float, typer.Option("--minutes", help="Time for the training; the comparison comes after it.")
    ] = 20.0,
    objective: Annotated[
        Literal["histories", "pairs"],
        typer.Option(
            "--objective",
            help="histories: the rest of a history finds each item. pairs: items used together are near.",
        ),
    ] = "histories",
    lora: Annotated[
        int, typer.Option("--lora", help="Rank of LoRA. 0: all weights but the word vectors are trained.")
    ] = 0,
    texts: Annotated[
        int, typer.Option("--texts", help="Texts to train on, repeated ones counted again.")
    ] = 25_000,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="The largest one. Default: 0.0002, with LoRA 0.002."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="New folder for the encoder. Default: encoders/tuned-N in the workspace."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tune the encoder on the event log, and keep it if it finds more. The index does not change."""
    with opened_workspace(workspace, debug, qdrant=qdrant, model=model) as recommender:
        from semrec.encoder.training import TrainingOptions

        options = TrainingOptions(
            objective=objective,
            minutes=minutes,
            n_texts=texts,
            lora_rank=lora,
            learning_rate=learning_rate,
            seed=seed,
        )
        report = _with_progress(recommender, options, output)
        if as_json:
            print_json(report.to_dict())
        else:
            _print_report(report, workspace)


def _with_progress(recommender: Recommender, options: TrainingOptions, output: Path | None) -> FinetuneReport:
    """Tune with a progress bar that shows the time left of the training."""
    from semrec.finetuning.tuning import Watch

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("reading the events", total=None, best="")

        def stage(name: str) -> None:
            bar.reset(task, description=name, total=None, best="")

        def training(progress: TrainingProgress) -> None:
            best = "" if progress.best is None else f"best {progress.best:.4f}"
            bar.update(task, completed=progress.share, total=1.0, best=best)

        return recommender.finetune(options, output=output, watch=Watch(stage, training))


def _print_report(report: FinetuneReport, workspace: Path) -> None:
    """Print the comparison, and what to do next."""
    training, verdict = report.training, report.verdict
    out.print(
        f"trained {report.base} on {training.n_texts:,} texts in {training.steps:,} steps and "
        f"{training.seconds / 60:.1f} minutes on {training.device} ({training.precision}), with "
        f"{report.n_events:,} events of {report.n_users:,} users.",
        soft_wrap=True,
    )
    table = Table("NDCG@10 on held-out events", "before", "after", "difference", "users")
    for name, change in {
        "items without events, text": verdict.cold,
        "items with events, blend": verdict.warm,
    }.items():
        numbers = f"{change.before:.4f}", f"{change.after:.4f}", f"{change.low:+.4f} … {change.high:+.4f}"
        table.add_row(name, *numbers, f"{change.n_users:,}")
    out.print(table)
    if report.folder is None:
        print_warning(f"the tuned encoder is refused and removed: {'; '.join(report.objections)}.")
        return
    err.print(Text(f"the tuned encoder is in {report.folder}. The index does not use it yet. Run:"))
    err.print(Text(f"  semrec index CATALOG --workspace {workspace} --model {report.folder}"), soft_wrap=True)
    err.print(Text(f"  semrec fit --workspace {workspace}"), soft_wrap=True)
    back = f"semrec rollback --workspace {workspace}; after the fit: index with --model {report.base}"
    err.print(Text(f"To return to the encoder before: {back}"), soft_wrap=True)
