"""The verbs that deal with other people's files: analysing a published checkout, and converting prompts."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferkit.commands import analyze, existing, kept_studies, publish, say
from transferkit.errors import InputError

if TYPE_CHECKING:  # each function imports what it needs, so that light verbs stay quick
    from transferkit.collection import Collection

PEFT_OPTIONS = (
    "--backbone NAME --task-type TYPE (SEQ_2_SEQ_LM for T5, CAUSAL_LM for GPT-likes, FEATURE_EXTRACTION for encoders)"
)


def is_checkout(path: Path) -> bool:
    """Return whether a folder is a checkout of Su et al.'s repository, or holds one."""
    from transferkit.interop import su2022

    return path.is_dir() and su2022.is_checkout(path)


def analyze_checkout(path: Path, store: Path, folder: Path, prompts: Sequence[str]) -> None:
    """Import a checkout of Su et al.'s repository into a store and write its report into a folder.

    Raises:
        InputError: no such prompt folder, or the report's folder holds something else.
    """
    from transferkit import interop, report
    from transferkit.store import Store

    report.check_folder(folder)
    collection = interop.import_checkout(path, Store(store), prompts=prompts)
    said = _counts(collection)
    said += [f"{len(collection.skipped)} files passed over (listed in the report)"] if collection.skipped else []
    say(f"imported from {path}: {', '.join(said)} ({store})")
    analyze_collection(collection, store, folder)


def _counts(collection: "Collection") -> list[str]:
    n_absent = sum(not spec.origin.sha256 for spec in collection.imported_scores)
    said = [f"{len(collection.imported_prompts)} prompts", f"{len(collection.imported_scores) - n_absent} scores"]
    return [*said, f"{n_absent} cells missing"] if n_absent else said


def analyze_collection(collection: "Collection", store: Path, folder: Path) -> None:
    """Write the report of an imported collection and print its findings and its place."""
    from transferkit.chapters import chapters_for
    from transferkit.results import Results
    from transferkit.store import Store

    results = Results(collection, Store(store))
    publish(results, folder, chapters_for(collection.name))
    say(
        f'In Python: import transferkit as tk; store = tk.Store("{store}"); study = tk.interop.find_collection('
        f'"{collection.name}", store); results = tk.Results(study, store); print(results.predictors("'
        f'{results.backbones[0]}"))'
    )


def analyze_all(folder: Path, out: Path, *, partial: bool) -> None:
    """Write the report of every study and every imported collection of a store.

    Raises:
        InputError: the folder is no store or holds neither, a study lacks something, or the prompts of a collection
            cannot be compared.
    """
    from transferkit.collection import from_json

    existing(folder)
    collections = [from_json(path.read_text("utf-8")) for path in sorted((folder / "collections").glob("*.json"))]
    has_studies = any((folder / "studies").glob("*.json"))
    studies = kept_studies(folder) if has_studies or not collections else []
    jobs = [lambda c=c: analyze_collection(c, folder, out / c.name) for c in collections]
    jobs += [lambda q=q: analyze(q, out, partial=partial) for q in studies]
    refused: list[InputError] = []
    for job in jobs:  # one that cannot be reported holds up no other
        try:
            job()
        except InputError as error:
            refused.append(error)
    for error in refused[:-1]:
        say(f"error: {error}")
    if refused:
        raise refused[-1]


def convert(
    source: str,
    to: Path | None,
    store: Path,
    *,
    task: str | None,
    backbone: str | None,
    task_type: str | None = None,
) -> None:
    """Bring a prompt or a checkout into a store, or write a prompt of a store, or of a file, as another kind of file.

    Args:
        source: a file, a PEFT folder, a checkout, or the key of a stored prompt.
        to: where to write; None puts the source into the store.
        store: where artifacts are kept.
        task: what the prompt was trained on, where a file is put into the store.
        backbone: which model it is for, where the file does not say.
        task_type: PEFT's word for the head, where a PEFT folder is written.

    Raises:
        InputError: nothing of this name, or something is not said that is needed.
    """
    import typer

    from transferkit import interop
    from transferkit.specs import key
    from transferkit.store import Store

    path = Path(source)
    if to is not None:
        if to.is_file() or to.is_symlink():
            raise InputError(f"{to} is there already", fix="choose another name, or remove it first")
        if re.fullmatch(r"\.[A-Za-z]+", to.suffix) and to.suffix.lower() not in interop.ARRAYS:
            raise InputError(
                f"{to}: cannot write {to.suffix!r}",
                fix=f"end it in {', '.join(interop.ARRAYS)}, or in nothing for a folder PEFT loads",
            )
        vectors = _write(source, to, store, backbone=backbone, task_type=task_type)
        typer.echo(f"{to}: {vectors[0]} × {vectors[1]}")
    elif is_checkout(path):
        typer.echo(f"{store}: {', '.join(_counts(interop.import_checkout(path, Store(store))))}")
    elif not path.exists():
        raise InputError(f"no file or folder {source}", fix="to write a stored prompt, say where: --to FILE or FOLDER")
    elif task is None:
        raise InputError(f"{source} does not say what it was trained on", fix="add --task NAME")
    else:
        spec = interop.import_prompt(path, Store(store), task=task, backbone=backbone)
        typer.echo(f"{key(spec)}  {Store(store).path(spec)}")


def _write(source: str, to: Path, store: Path, *, backbone: str | None, task_type: str | None) -> tuple[int, int]:
    """Write a stored prompt, or one of a file, and return its shape."""
    from transferkit import interop
    from transferkit.artifacts import Prompt
    from transferkit.specs import ImportedPromptSpec, MixtureSpec, ProjectedSpec, PromptSpec

    is_array, peft_type = to.suffix.lower() in interop.ARRAYS, None
    if Path(source).exists():
        import numpy as np

        vectors, said, _ = interop.read_prompt(Path(source))
        peft_type = interop.read_peft(Path(source)).task_type if Path(source).is_dir() else None
        prompt, name = Prompt(vectors, None, np.ones(len(vectors), dtype=bool)), backbone or said
    elif not re.fullmatch(r"[0-9a-f]+", source):
        raise InputError(f"no file or folder {source}", fix="name one, or the key of a stored prompt: transferkit ls")
    else:
        kept = existing(store)
        spec = kept.find(source)
        if not isinstance(spec, (PromptSpec, MixtureSpec, ImportedPromptSpec, ProjectedSpec)):
            kind = spec.kind.replace("_", " ")
            raise InputError(f"{source} holds no prompt (kind: {kind})", fix="transferkit ls --kind prompt")
        found = kept.get(spec)
        assert isinstance(found, Prompt)
        if found.generator is not None:
            raise InputError(
                f"{source} is a generator, which makes other rows for every text",
                fix=f"its weights are in {kept.path(spec)}, generator.safetensors",
            )
        prompt, name = found, backbone or spec.backbone.name
        if not is_array and spec.backbone.partial is not None:
            raise InputError(
                f"{source} belongs to {spec.backbone.name}, a part of {spec.backbone.whole.name}; PEFT has no parts",
                fix="write its rows as an array: --to FILE.safetensors",
            )
        if not isinstance(spec, ImportedPromptSpec) and found.peft is None and not is_array:
            raise InputError(
                f"{source} enters elsewhere than in front of the words, which PEFT has no kind of prompt for",
                fix=f"write an array: --to {to}.safetensors",
            )
    task_type = task_type or peft_type or (str(prompt.peft["task_type"]) if prompt.peft is not None else None)
    if not is_array and (name is None or task_type is None):
        lacking = {"which backbone it is for": name, "which head it was trained with": task_type}
        said = " nor ".join(what for what, value in lacking.items() if value is None)
        raise InputError(f"{source} does not say {said}, and PEFT checks neither", fix=f"add {PEFT_OPTIONS}")
    if not prompt.live.all():
        dead = ", ".join(str(i) for i in (~prompt.live).nonzero()[0])
        say(f"note: row {dead} was never read where this prompt was trained; other programs will read it")
    interop.export_prompt(prompt, to, backbone=name or "", task_type=task_type)
    return prompt.vectors.shape[0], prompt.vectors.shape[1]
