"""Whole or absent, named by its spec, and never silently wrong."""

import csv
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from transferkit import store as store_module
from transferkit.artifacts import Artifact, Examples, Neurons, Prompt, Score
from transferkit.errors import InputError, StoreError
from transferkit.manifests import UNHASHED
from transferkit.places import slug, source_label
from transferkit.specs import (
    BackboneSpec,
    ExamplesSpec,
    Majority,
    MaskedReadout,
    NeuronsSpec,
    NoPrompt,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    Spec,
    TrainedPrompt,
    key,
)
from transferkit.store import Store
from transferkit.tasks.base import Label, LocalData, Task

BACKBONE = BackboneSpec(name="org/tiny model", revision="0123")
TASK = Task(
    name="own",
    source=LocalData(train="a.csv", sha256="aa"),
    labels=(
        Label(value="0", word="bad", description="a bad one"),
        Label(value="1", word="good", description="a good one"),
    ),
)
PROMPT_SPEC = PromptSpec(backbone=BACKBONE, readout=MaskedReadout(), task=TASK, seed=0, recipe=Recipe())
TRAINED = TrainedPrompt(key=key(PROMPT_SPEC), task="own", seed=0, backbone=BACKBONE.name)


def score_spec(source: object) -> ScoreSpec:
    return ScoreSpec(source=source, backbone=BACKBONE, readout=MaskedReadout(), task=TASK)


PROMPT = Prompt(
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.ones((2, 3), dtype=np.float32),
    np.array([True, False]),
    [{"step": 0}],
)
SCORE = Score({"accuracy": 0.5}, np.array([0, 1]), 1)
HELD: dict[str, tuple[Spec, Artifact]] = {
    "prompt": (PROMPT_SPEC, PROMPT),
    "score": (score_spec(TRAINED), SCORE),
    "neurons": (
        NeuronsSpec(source=TRAINED, backbone=BACKBONE, readout=MaskedReadout()),
        Neurons(np.array([[True, False, True]])),
    ),
    "examples": (ExamplesSpec(task=TASK), Examples(np.array([0, 1]), ["a" * 16, "b" * 16], {"dropped_in_report": 2})),
}
KINDS = pytest.mark.parametrize("kind", HELD)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def leftovers(store: Store) -> list[str]:
    return [path.name for path in (store.root / "scratch").glob("*")]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- put and get -----------------------------------------------------------------------------------------------------
def test_asking_an_absent_store_makes_nothing(store: Store) -> None:
    assert not store.has(PROMPT_SPEC)
    assert list(store.specs()) == []
    assert store.verify() == {}
    assert store.meta(PROMPT_SPEC) == {}
    store.sweep()
    assert not store.root.exists()
    with pytest.raises(StoreError, match="transferkit train"):
        store.get(PROMPT_SPEC)


@KINDS
def test_put_then_get(store: Store, kind: str) -> None:
    spec, artifact = HELD[kind]
    folder = store.put(spec, artifact, meta={"seconds": 1.5})
    assert folder == store.path(spec)
    assert key(spec) in folder.name
    assert store.has(spec)
    assert store.meta(spec) == {"seconds": 1.5}
    again = store.get(spec)
    for field in dataclasses.fields(artifact):
        ours, theirs = getattr(artifact, field.name), getattr(again, field.name)
        assert np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs
    assert list(store.specs()) == list(store.specs(kind)) == [spec]
    assert store.find(key(spec)) == store.find(key(spec)[:3]) == spec
    assert store.verify() == {}
    assert leftovers(store) == []
    assert (store.root / "store.toml").read_text() == "format = 1\n"


@KINDS
def test_the_manifest_covers_all_but_time_and_place(store: Store, kind: str) -> None:
    spec, artifact = HELD[kind]
    folder = store.put(spec, artifact)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) == {path.name for path in folder.iterdir()} - {"meta.json", "manifest.json"}
    (folder / "meta.json").write_text("{}")
    assert store.verify() == {}
    other = Store(store.root.with_name("other"))
    other.put(spec, artifact, meta={"host": "another"})
    mine, theirs = tree(folder), tree(other.path(spec))
    assert {**mine, "meta.json": b""} == {**theirs, "meta.json": b""}


def test_paths_say_what_is_inside(store: Store) -> None:
    def below(spec: Spec) -> str:
        return store.path(spec).relative_to(store.root).as_posix()

    foreign = dataclasses.replace(TRAINED, backbone="org/else where")
    assert below(PROMPT_SPEC) == f"prompts/tiny-model/own/seed0-{key(PROMPT_SPEC)}"
    assert below(HELD["examples"][0]) == f"data/own-report-{key(HELD['examples'][0])}"
    assert below(score_spec(TRAINED)).startswith("scores/tiny-model/own/own-seed0-")
    assert source_label(foreign, BACKBONE) == "org-else-where-own-seed0"
    assert source_label(RandomPrompt(seed=7, length=2), BACKBONE) == "random7"
    assert source_label(NoPrompt(), BACKBONE) == "none"
    assert source_label(Majority(), BACKBONE) == "majority"
    assert slug(dataclasses.replace(BACKBONE, dtype="bfloat16")) == "tiny-model-bfloat16"


def test_an_artifact_of_another_kind_is_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="score"):
        store.put(score_spec(NoPrompt()), PROMPT)


def test_overwrite_policies(store: Store) -> None:
    spec = score_spec(NoPrompt())
    other = Score({"accuracy": 0.25}, np.array([1, 1]))
    store.put(spec, SCORE)
    store.put(spec, other)
    assert store.get(spec).metrics == {"accuracy": 0.5}
    store.put(spec, other, overwrite="always")
    assert store.get(spec).metrics == {"accuracy": 0.25}
    assert leftovers(store) == []
    fresh = score_spec(Majority())
    store.put(fresh, other, overwrite="always")
    assert store.has(fresh)


def test_find_wants_exactly_one(store: Store) -> None:
    for spec, artifact in HELD.values():
        store.put(spec, artifact)
    with pytest.raises(InputError, match=r"4 artifacts .*\n.*transferkit ls"):
        store.find("")
    with pytest.raises(InputError, match=r"no artifact .* 'zz'"):
        store.find("zz")


def test_index_lists_every_artifact(store: Store) -> None:
    for spec, artifact in HELD.values():
        store.put(spec, artifact)
    with store.write_index().open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["key"], row["kind"]) for row in rows} == {(key(spec), kind) for kind, (spec, _) in HELD.items()}
    assert all((store.root / row["path"] / "spec.json").is_file() for row in rows)
    assert leftovers(store) == []


# --- what is wrong is said -------------------------------------------------------------------------------------------
@KINDS
def test_every_altered_byte_and_missing_file_is_found(store: Store, kind: str) -> None:
    spec, artifact = HELD[kind]
    folder = store.put(spec, artifact)
    for path in sorted(folder.iterdir()):
        if path.name in UNHASHED:
            continue
        whole = path.read_bytes()
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(StoreError, match=f"{path.name} was altered") as failure:
            store.get(spec)
        assert str(folder) in failure.value.problem
        assert "run the same command again" in failure.value.fix
        assert store.verify() == {folder: [f"{path.name} was altered"]}
        path.unlink()
        with pytest.raises(StoreError, match=f"{path.name} is missing"):
            store.get(spec)
        path.write_bytes(whole)
    assert store.verify() == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "\x00",
        "[]",
    ],
)
def test_an_unreadable_manifest_is_said(store: Store, text: str) -> None:
    spec, artifact = HELD["score"]
    folder = store.put(spec, artifact)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"manifest\.json") as failure:
        store.get(spec)
    assert str(folder) in str(failure.value)
    assert list(store.verify()) == [folder]


def test_an_unreadable_spec_is_said(store: Store) -> None:
    spec, artifact = HELD["score"]
    folder = store.put(spec, artifact)
    (folder / "spec.json").write_text('{"kind": "score"}')
    with pytest.raises(StoreError, match=r"spec\.json.*\n.*run the same command again") as failure:
        list(store.specs())
    assert str(folder) in failure.value.fix


def test_an_unreadable_meta_is_no_meta(store: Store) -> None:
    """Nobody hashes it and no number rests on it."""
    spec, artifact = HELD["score"]
    (store.put(spec, artifact) / "meta.json").write_text("{")
    assert store.meta(spec) == {}


def test_a_store_of_another_format_is_refused(store: Store) -> None:
    store.root.mkdir()
    (store.root / "store.toml").write_text("format = 2\n")
    with pytest.raises(StoreError, match="another format"):
        store.put(*HELD["score"])
    assert not store.has(HELD["score"][0])


# --- failing disks ---------------------------------------------------------------------------------------------------
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("when", ["artifact", "manifest", "fsync", "rename"])
@pytest.mark.parametrize("overwrite", ["only-missing", "always"])
def test_a_full_disk_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch, when: str, overwrite: str) -> None:
    spec, artifact = HELD["prompt"]

    def fail(*_args: object, **_kwargs: object) -> None:
        raise FULL

    with monkeypatch.context() as patched:
        if when == "artifact":
            patched.setattr(Prompt, "write", fail)
        elif when == "manifest":
            patched.setattr(store_module, "manifest_of", fail)
        elif when == "fsync":
            patched.setattr(os, "fsync", fail)
        else:
            patched.setattr(store_module, "_rename", fail)
        with pytest.raises(StoreError, match=r"No space left.*\n.*free disk space") as failure:
            store.put(spec, artifact, overwrite=overwrite)
    assert str(store.path(spec)) in failure.value.problem
    assert not store.path(spec).exists()
    assert leftovers(store) == []
    assert list(store.specs()) == []
    store.put(spec, artifact)
    assert store.has(spec)


def test_a_failed_overwrite_keeps_the_old_artifact(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, artifact = HELD["score"]
    store.put(spec, artifact)

    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == store.path(spec) and not self.name.endswith("-old"):
            raise FULL
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(StoreError):
            store.put(spec, Score({"accuracy": 1.0}, np.array([1, 1])), overwrite="always")
    assert store.get(spec).metrics == {"accuracy": 0.5}


def test_a_full_disk_is_said_for_single_files_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="No space left"):
        store.write_index()


def test_an_empty_store_toml_is_healed(store: Store) -> None:
    """What another process sees between creating and writing the file, or after a full disk."""
    store.root.mkdir()
    (store.root / "store.toml").write_text("")
    store.put(*HELD["score"])


# --- notes and sweeping ----------------------------------------------------------------------------------------------
def test_failures_are_noted_and_forgiven(store: Store) -> None:
    spec = HELD["score"][0]
    store.fail(spec, "it broke")
    note = store.root / "failures" / f"{key(spec)}.json"
    record = json.loads(note.read_text())
    assert record == {"key": key(spec), "kind": "score", "path": store.path(spec).name, "problem": "it broke"}
    store.forgive(spec)
    store.forgive(spec)
    assert not note.exists()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_sweep_removes_folders_of_dead_processes_of_this_host_only(store: Store) -> None:
    host = store_module._host()
    dead = dead_pid()
    kept = [f"put-{host}-{os.getpid()}-aa", f"put-{host}-{os.getppid()}-bb", f"put-elsewhere-{dead}-cc", "f00dfeed"]
    for name in (*kept, f"put-{host}-{dead}-dd"):
        (store.scratch(name) / "file").write_text("x")
    store.sweep()
    assert sorted(leftovers(store)) == sorted(kept)


def test_sweep_survives_a_process_killed_while_overwriting(store: Store) -> None:
    """Killed between moving the old artifact aside and removing it, as `put(overwrite="always")` does."""
    name = f"put-{store_module._host()}-{dead_pid()}-ab12cd3e"
    store.scratch(name)
    store.scratch(f"{name}-old")
    store.sweep()
    assert leftovers(store) == []


# --- many processes --------------------------------------------------------------------------------------------------
WRITER = textwrap.dedent(
    """
    import sys
    import numpy as np
    from transferkit.artifacts import Score
    from transferkit.store import Store
    from test_store import RandomPrompt, score_spec

    number, store = int(sys.argv[1]), Store(sys.argv[2])
    for i in range(int(sys.argv[3])):
        metrics = {"accuracy": float(i), "writer": float(number)}
        store.put(score_spec(RandomPrompt(seed=i, length=1)), Score(metrics, np.arange(500)))
    """
)


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment, stderr=subprocess.PIPE)


def test_six_writers_of_the_same_keys(store: Store) -> None:
    store.put(*HELD["examples"])  # the store is there; two processes making it at once is another test
    writers = [start(WRITER, number, store.root, 20) for number in range(6)]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors.decode()
    assert len(list(store.specs("score"))) == 20
    assert store.verify() == {}
    assert leftovers(store) == []
    winners = set()
    for i in range(20):
        metrics = store.get(score_spec(RandomPrompt(seed=i, length=1))).metrics
        assert metrics["accuracy"] == i
        winners.add(metrics["writer"])
    assert winners <= set(map(float, range(6)))


SLOW_WRITER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from transferkit import store as module
    from transferkit.artifacts import Score
    from test_store import HELD, SCORE, Store

    def hang(*_args, **_kwargs):
        Path(sys.argv[2]).write_text("here")
        time.sleep(60)

    spec, artifact = HELD["score"]
    if sys.argv[3] == "writing":
        Score.write = hang
    elif sys.argv[3] == "renaming":
        module._rename = hang
    else:
        module._flush_directory = hang
    Store(sys.argv[1]).put(spec, artifact)
    """
)


@pytest.mark.parametrize("moment", ["writing", "flushing", "renaming"])
def test_a_kill_leaves_nothing_at_the_final_name(store: Store, tmp_path: Path, moment: str) -> None:
    sign = tmp_path / "sign"
    writer = start(SLOW_WRITER, store.root, sign, moment)
    deadline = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    spec, artifact = HELD["score"]
    assert sign.exists()
    assert not store.has(spec)
    assert not store.path(spec).exists()
    assert len(leftovers(store)) == 1
    store.sweep()
    assert leftovers(store) == []
    store.put(spec, artifact)
    assert store.verify() == {}


def test_a_lost_folder_is_simply_missing(store: Store) -> None:
    folder = store.put(*HELD["score"])
    shutil.rmtree(folder)
    assert not store.has(HELD["score"][0])
    store.put(*HELD["score"])
    assert store.has(HELD["score"][0])
