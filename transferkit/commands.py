"""What the verbs of the command line share: finding a study, fetching, filling, reporting, and what they say."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from transferkit.asking import Question, literal
from transferkit.errors import InputError

if TYPE_CHECKING:  # each function imports what it needs, so that light verbs stay quick
    from transferkit.groups import Group
    from transferkit.report import Chapter
    from transferkit.results import Results
    from transferkit.run import Plan
    from transferkit.specs import Spec
    from transferkit.store import Store
    from transferkit.study import Stage, Study


def fetch(names: list[str], cache: Path | None, *, yes: bool, accept: Sequence[str] = ()) -> None:
    """Show what is missing, ask once, and once more for each asset with terms of its own that `accept` lacks; download.

    Raises:
        InputError: an unknown name, or nobody there to say yes.
    """
    from transferkit import catalogue, fetching, named

    wanted = named.assets(names)
    missing = catalogue.missing(wanted, cache)
    if not wanted:
        say("none of this comes from the catalogue; what the Hugging Face hub holds is fetched when it is first used")
    elif not missing:
        say(f"everything is here ({catalogue.cache_dir(cache)})")
    if not missing:
        return
    fetching.show_plan(missing, cache)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nothing is downloaded unasked", fix=f"{catalogue.fetch_command(names, cache)} --yes")
        typer.confirm("Download?", abort=True, err=True)
    accepted = list(accept)
    if sys.stdin.isatty():
        for name in catalogue.unaccepted(missing, accept):  # a yes to the download is none to these
            typer.confirm(f"Do you accept the terms of {name}?", abort=True, err=True)
            accepted.append(name)
    fetching.fetch(missing, cache, accepted)


@dataclass(frozen=True)
class How:
    """How a store is filled: where, examples at once at most, whether anew, and disk space for rows of lower blocks."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    micro_batch: int | None = None
    overwrite: bool = False
    states_gb: float | None = None

    @property
    def policy(self) -> Literal["always", "only-missing"]:
        """What happens to artifacts that are there."""
        return "always" if self.overwrite else "only-missing"


def fill(
    question: Question, stages: "tuple[Stage, ...]", how: How, *, dry_run: bool = False, as_json: bool = False
) -> None:
    """Fill a store, or say what is missing; failed cells are listed and end with exit code 1.

    Raises:
        InputError: the study is not right, or what it needs is missing; said before anything is loaded.
    """
    from transferkit import catalogue, named
    from transferkit.progress import make_reporter
    from transferkit.store import Store

    asked, store = question.study(), Store(question.store)
    from transferkit import filling, run  # brings torch: a mistyped name is answered before
    from transferkit.results import Results
    from transferkit.study.retrieval import check_retrieval

    lacking = _lacking(asked, store, before=stages[0])
    if dry_run:
        if asked.retrieval is not None:  # a run checks it with all else, but needs models and data for that
            check_retrieval(asked, asked.retrieval)
        todo = [run.plan(asked, store, stages=stages, overwrite=how.policy, device=how.device)]
        if "measure" in stages:
            late = Results(asked, store).choosing.specs()
            todo.append(run.plan(asked, store, overwrite=how.policy, device=how.device, specs=late))
        typer.echo(_plan_text(question, asked, todo, lacking, as_json=as_json))
        return
    for stage, missing in lacking.items():
        what, n = ("prompts", len(asked.every_prompt())) if stage == "train" else ("projections", None)
        raise InputError(
            f"{len(missing)}{'' if n is None else f' of {n}'} {what} are missing from {question.store}",
            fix=question.command(stage),
        )
    catalogue.require(named.assets_of(asked), question.cache, asked=question.name)
    outcome = filling.fill(
        asked,
        store,
        stages=stages,
        overwrite=how.policy,
        device=how.device,
        micro_batch=how.micro_batch,
        states_gb=how.states_gb,
        cache=question.cache,
        reporter=make_reporter(),
    )
    n_failed = len(outcome.failed)
    if as_json:
        typer.echo(json.dumps({"made": outcome.n_made, "present": outcome.n_present, "failed": n_failed}))
    say(f"{outcome.n_made} made, {outcome.n_present} were there, {n_failed} failed ({question.store})")
    say(f"In Python: {question.python(_fill_call(question, stages, how))}")
    if outcome.failed:
        for spec in outcome.failed:
            say(f"failed: {spec.kind} {store.path(spec).name}: {store.failure(spec) or 'not made'}")
        raise typer.Exit(1)


def analyze(question: Question, out: Path, *, partial: bool) -> None:
    """Write a study's report and print its findings and its place.

    Raises:
        InputError: artifacts are missing and holes are not allowed.
    """
    from transferkit import chapters, report
    from transferkit.results import Results
    from transferkit.store import Store

    asked = question.study()
    report.check_folder(out / asked.name)
    results = Results(asked, Store(question.store))
    missing, is_empty = results.missing(), not any(results.store.has(spec) for spec in asked.specs())
    if is_empty or (missing and not partial):
        raise InputError(
            f"{len(missing)} of {len(results.specs)} artifacts of {asked.name} are missing from {question.store}",
            fix=_how_to_fill(question, asked, is_empty=is_empty),
        )
    publish(results, out / asked.name, chapters.chapters_of(asked.name))
    say(f"In Python: {question.python('results = tk.Results(study, store); print(results.own_scores())')}")


def publish(results: "Results", folder: Path, chapters: "Sequence[Chapter]" = ()) -> None:
    """Write a report into a folder and print its findings and its place."""
    from transferkit import report

    page = report.write(report.build(results, chapters), folder)
    for line in report.headline(results):
        typer.echo(f"• {line}")
    typer.echo(f"report: {page}")


def kept_studies(folder: Path) -> list[Question]:
    """Return the studies a store was filled with, as questions about that store.

    Raises:
        InputError: it holds none.
    """
    kept = sorted((folder / "studies").glob("*.json"))
    if not kept:
        fix = Question(name="STUDY", store=folder)
        raise InputError(f"{folder} holds no filled study", fix=f"{fix.command('train')}, with a study's name or file")
    return [Question(name=str(path), store=folder) for path in kept]


def existing(folder: Path) -> "Store":
    """Return a store that is there.

    Raises:
        InputError: the folder is no store.
    """
    from transferkit.store import Store

    if not (folder / "store.toml").is_file():
        raise InputError(f"{folder} is no store", fix="fill one first: transferkit quickstart, or name it with --store")
    return Store(folder)


def show_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, wide enough for pipes too."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def say(message: str) -> None:
    """Print a message on stderr."""
    typer.echo(message, err=True)


def _lacking(asked: "Study", store: "Store", *, before: "Stage") -> "dict[Stage, list[Spec]]":
    """Return by step the prompts, and projectors, that a later step of a study works with and the store has not."""
    from transferkit.specs import ExamplesSpec
    from transferkit.study import STAGES, stage_of

    found: dict[Stage, list[Spec]] = {}
    earlier = STAGES[: STAGES.index(before)]
    for spec in asked.specs():
        if stage_of(spec) in earlier and not isinstance(spec, ExamplesSpec) and not store.has(spec):
            found.setdefault(stage_of(spec), []).append(spec)
    return {stage: found[stage] for stage in earlier if stage in found}


def _plan_text(
    question: Question, asked: "Study", todo: "Sequence[Plan]", lacking: "dict[Stage, list[Spec]]", *, as_json: bool
) -> str:
    """Return what is missing: artifacts, what earlier steps should have made, and assets of the catalogue."""
    from transferkit import catalogue, named

    first, late = todo[0], todo[1:]
    groups = {kind: [group for plan in todo for group in plan.groups[kind]] for kind in first.groups}
    counts = _counts(asked, groups, lacking)
    n_present = sum(plan.n_present for plan in todo)
    assets = catalogue.missing(named.assets_of(asked), question.cache)
    if as_json:
        return json.dumps({"missing": counts, "present": n_present, "missing_assets": assets})
    trained = (group for kind in ("prompts", "mixtures", "projectors", "started") for group in groups[kind])
    steps, pairs = sum(group.units for group in trained), sum(group.units for group in groups["scores"])
    lines = [
        f"present: {n_present}",
        *(f"missing {kind}: {n}" for kind, n in counts.items()),
        f"training steps: {steps}, (prompt, example) pairs to score: {pairs}",
    ]
    if asked.retrieval is not None and not any(plan.n_missing + plan.n_present for plan in late):
        lines.append("averages and mixtures of sources come after these: which they are shows once there are prompts")
    if assets:
        fix = catalogue.fetch_command([question.name], question.cache)
        lines.append(f"missing assets: {', '.join(assets)} → {fix}")
    if "train" in lacking:
        lines.append(f"the prompts are to be trained first → {question.command('train')}")
    if "project" in lacking:
        lines.append(f"prompts are to be brought to other backbones first → {question.command('project')}")
    return "\n".join(lines)


def _counts(asked: "Study", groups: "dict[str, list[Group]]", lacking: "dict[Stage, list[Spec]]") -> dict[str, int]:
    """Return how many artifacts of each kind a study has are missing, those of earlier steps included."""
    from transferkit.specs import ActivitySpec

    counts = {kind: sum(len(group.specs) for group in several) for kind, several in groups.items()}
    for spec in lacking.get("train", ()):
        counts["activity" if isinstance(spec, ActivitySpec) else "prompts"] += 1
    unsaid = [] if asked.projections else ["projectors", "projected", "started"]
    unsaid += [] if asked.retrieval is not None else ["mixtures"]
    unsaid += [] if any(isinstance(spec, ActivitySpec) for spec in asked.specs()) else ["activity"]
    return {kind: n for kind, n in counts.items() if kind not in unsaid}


def _fill_call(question: Question, stages: "Sequence[Stage]", how: How) -> str:
    """Return the call that does in Python what a verb did."""
    chosen = "" if len(stages) > 1 else f", stages=[{literal(stages[0])}]"
    device = None if how.device == "auto" else how.device
    given = {"cache": question.cache, "device": device, "micro_batch": how.micro_batch, "states_gb": how.states_gb}
    options = "".join(f", {name}={literal(value)}" for name, value in given.items() if value is not None)
    return f"tk.fill(study, store{chosen}{options})"


def _how_to_fill(question: Question, asked: "Study", *, is_empty: bool) -> str:
    """Return the commands that make what an analysis lacks."""
    from transferkit.store import Store

    filled_by = _origin(question, asked) if question.name.endswith(".json") else question
    lacking = _lacking(asked, Store(question.store), before="measure")
    lines = [filled_by.command(verb) for verb in (*lacking, "measure")]
    return ", then ".join(lines) + ("" if is_empty else "; or add --partial to see what is there")


def _origin(question: Question, asked: "Study") -> Question:
    """Return what a study kept by a store was filled from: a built-in one, or a file, usually called as it is."""
    from transferkit import named

    name = asked.name if asked.limit is None else asked.name.removesuffix(f"-limit{asked.limit}")
    if name not in named.builtin():
        return Question(name=f"{name}.toml", store=question.store, limit=asked.limit)
    is_as_written = asked.seeds == named.find_study(name).seeds
    seeds = None if is_as_written else len(asked.seeds)
    return Question(name=name, store=question.store, seeds=seeds, limit=asked.limit)
