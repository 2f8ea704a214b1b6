"""Explaining. The sections about the store itself: what is there, how training went, what is missing, what made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.collection import Collection
from transferkit.places import source_label
from transferkit.report.page import Drawing, Links, Part, Section, Table, Text
from transferkit.report.words import listed, slug, snippet
from transferkit.results import Results
from transferkit.specs import (
    ExamplesSpec,
    ImportedPromptSpec,
    ProjectorSpec,
    PromptSpec,
    Spec,
    key,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_MISSING = 200


def inventory_section(results: Results) -> Section:
    """Return what the store holds of the study, and whether its numbers follow from its files."""
    parts: list[Part] = [
        Table(
            name="inventory",
            title="Artifacts",
            caption="What the study asks for and what the store has of it.",
            frame=results.inventory(),
            snippet=snippet(results, "results.inventory()"),
        ),
        Table(
            name="tasks",
            title="Tasks",
            caption="Chance is the expected accuracy of guessing every class equally often; where answers are texts "
            "there is none."
            + (
                " How many examples there were was not published."
                if results.is_imported
                else " n counts the examples of the report split; every one of them is scored."
            ),
            frame=results.task_table(),
            columns={
                "task": "task",
                "group": "group",
                "classes": "classes",
                "metric": "metric",
                "n": "n",
                "chance": "chance, %",
                "largest_class": "largest class, %",
                "notes": "notes",
            },
            percent=("chance", "largest_class"),
            snippet=snippet(results, "results.task_table()"),
        ),
    ]
    if len(shared := results.leakage()):
        parts.append(
            Table(
                name="leakage",
                title="Texts two tasks share",
                caption="Report splits that hold the same text: transfer between such tasks may owe something to it.",
                frame=shared,
                percent=("share_of_task",),
                columns={"task": "task", "other": "other", "shared": "shared texts", "share_of_task": "of the task, %"},
                snippet=snippet(results, "results.leakage()"),
            )
        )
    wrong = results.integrity()
    if len(wrong):
        parts.append(
            Text(body=f"{len(wrong)} scores do not follow from their predictions; see the table.", tone="alarm")
        )
        parts.append(Table(name="integrity", title="Doubtful scores", caption="Measure these again.", frame=wrong))
    elif not results.is_imported:
        parts.append(Text(body=f"Every score was computed again from {_grounds(results)}; all agree."))
    return Section(title="What the store holds", slug="inventory", parts=tuple(parts))


def _grounds(results: Results) -> str:
    """Return what scores follow from: predictions, or where answers are texts what each of them scored."""
    is_text = {task.answer is not None for task in (spec.task for spec in results.study.examples())}
    said = {False: "its predictions and the gold labels", True: "those of the single answers"}
    return ", or where answers are texts from ".join(said[kind] for kind in sorted(is_text))


def training_section(results: Results) -> Section | None:
    """Return training curves and the health of every run; None where no prompt is there."""
    health = results.training_health()
    if health.empty:
        return None
    parts: list[Part] = [_alarm_text(health)]
    for backbone in results.backbones:
        histories = results.curves(backbone)
        if "selection_score" in histories and histories["selection_score"].notna().any():
            parts.append(_curves(results, backbone, histories))
    parts.append(
        Table(
            name="training-health",
            title="Training health",
            caption="Norms are means over the rows the backbone reads; the change is ‖P − P₀‖ ÷ ‖P₀‖. Alarms are "
            "raised while training: constant predictions, a vanishing gradient, a loss no better than guessing, a "
            "runaway norm.",
            frame=health,
            columns={
                "backbone": "backbone",
                "task": "task",
                "seed": "seed",
                "steps": "steps",
                "best_step": "best step",
                "best_selection_score": "best selection score, %",
                "start_selection_score": "untrained, %",
                "initial_norm": "norm before",
                "final_norm": "norm after",
                "relative_change": "change",
                "alarms": "alarms",
            },
            percent=("best_selection_score", "start_selection_score"),
            snippet=snippet(results, "results.training_health()"),
            keys=tuple(health["key"]),
        )
    )
    return Section(title="Training", slug="training", parts=tuple(parts))


def _alarm_text(health: pd.DataFrame) -> Text:
    raised = health[health["alarms"] != ""]
    if raised.empty:
        return Text(body=f"{len(health)} prompts were trained; no alarm was raised.")
    names = [f"{row.task} (seed {row.seed}, {row.backbone}: {row.alarms})" for row in raised.itertuples()]
    return Text(body=f"{len(raised)} of {len(health)} runs raised an alarm: {listed(names)}.", tone="alarm")


def _curves(results: Results, backbone: str, histories: pd.DataFrame) -> Drawing:
    own = results.own_scores(backbone).dropna(subset=["best_baseline_score"])
    floor = own[["task", "best_baseline_score"]].rename(columns={"best_baseline_score": "score"})

    def draw() -> Figure:
        axes = figures.curves(histories, baselines=floor, title=f"Selection score while training, {backbone}")
        figure = axes[0].get_figure(root=True)
        assert figure is not None
        return figure

    return Drawing(
        name=f"curves-{slug(backbone)}",
        title=f"Training curves, {backbone}",
        caption="Score on the selection split by optimiser step, one line per seed. Dashed: the best score on the "
        "report split that needs no training, so the two are not on the same examples.",
        draw=draw,
        frame=histories,
        snippet=snippet(results, f'tk.figures.curves(results.curves("{backbone}"))'),
        keys=tuple(h for h in results.training_health().query("backbone == @backbone")["key"]),
    )


def import_section(results: Results) -> Section | None:
    """Return what an imported collection says of itself and which files were passed over; None for a study."""
    import pandas as pd

    study = results.study
    if not isinstance(study, Collection):
        return None
    kinds = [("prompts", study.imported_prompts), ("scores", [s for s in study.imported_scores if s.origin.sha256])]
    counts = [
        f"{sum(s.backbone.name == b for s in specs)} {kind} of {b}" for b in results.backbones for kind, specs in kinds
    ]
    parts: list[Part] = [Text(body=f"Read: {listed(counts, most=20)}.")]
    parts += [Text(body=note) for note in study.notes]
    skipped = pd.DataFrame([{"file": one.file, "reason": one.reason} for one in study.skipped])
    parts.append(Text(body=f"{len(skipped)} files were passed over." if len(skipped) else "No file was passed over."))
    if len(skipped):
        caption = "Nothing below entered any number of this report."
        parts.append(Table(name="skipped", title="Files passed over", caption=caption, frame=skipped))
    return Section(title="What was imported", slug="imported", parts=tuple(parts))


def missing_section(results: Results) -> Section:
    """Return what the store does not have."""
    missing = results.missing()
    if not missing:
        return Section(title="What is missing", slug="missing", parts=(Text(body="Nothing that was asked for."),))
    counts = results.inventory().query("missing > 0")
    said = listed(
        [f"{count} of {asked} {kind}" for kind, count, asked in counts[["kind", "missing", "asked"]].to_numpy()]
    )
    text = (
        f"Missing: {said}. Such cells are hatched and counted in the figures; no mean is taken over the rest of a cell."
    )
    table = Table(
        name="missing",
        title="Missing artifacts",
        caption=f"The first {min(len(missing), MOST_MISSING)} of {len(missing)}.",
        frame=_missing_frame(missing[:MOST_MISSING]),
    )
    return Section(title="What is missing", slug="missing", parts=(Text(body=text, tone="alarm"), table))


def _missing_frame(missing: list[Spec]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for spec in missing:
        if isinstance(spec, (PromptSpec, ImportedPromptSpec)):
            what, backbone, task = f"seed {spec.seed}", spec.backbone.name, spec.task.name
        elif isinstance(spec, ExamplesSpec):
            what, backbone, task = spec.split, None, spec.task.name
        elif isinstance(spec, ProjectorSpec):
            what, backbone, task = spec.method.name, spec.backbone.name, None
        else:
            what, backbone = source_label(spec.source, spec.backbone), spec.backbone.name
            task = getattr(getattr(spec, "task", None), "name", None)
        rows.append({"kind": spec.kind, "backbone": backbone, "task": task, "what": what, "key": key(spec)})
    return pd.DataFrame(rows)


def provenance_section(results: Results, files: tuple[str, ...] = ()) -> Section:
    """Return what made the artifacts, and links to the tables other programs read."""
    import platform

    from transferkit import __version__

    table = Table(
        name="provenance",
        title="What made the artifacts",
        caption="Facts from the artifacts' own records, and how many artifacts share each. Times are left out, so that "
        "the same numbers give the same page.",
        frame=results.provenance(),
        snippet=snippet(results, "results.provenance()"),
        keys=results.keys,
    )
    text = (
        f"Analysed with transferkit {__version__}, Python {platform.python_version()}, numpy {np.__version__}. "
        f"Bootstrap: {results.n_resamples} resamples, seed {results.seed}. Every artifact is named by the hash of what "
        "was asked for."
    )
    parts: list[Part] = [Text(body=text), table]
    if files:
        parts.append(
            Text(heading="For other programs", body="Fractions, one row per number; the columns name themselves.")
        )
        parts.append(Links(items=tuple((file.removeprefix("tables/"), file) for file in files)))
    return Section(title="Where the numbers come from", slug="provenance", parts=tuple(parts))
