"""The command line: what it prints, where, and how it ends."""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from executors.saved import contents, run_command, save_tiny, write_study

from transferkit import catalogue, cli, commands, doctor, fetching
from transferkit.backbones import Backbone
from transferkit.prompts import training
from transferkit.specs import key
from transferkit.store import Store
from transferkit.study import from_toml

GOLDEN = Path(__file__).parents[1] / "golden" / "messages.txt"


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def here(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").symlink_to(tiny_folder)
    write_study(tmp_path, Path("tiny"))
    return tmp_path


class Done:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Tool:
    """The command line, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self.monkeypatch.setattr(sys, "argv", ["transferkit", *map(str, arguments)])
        self.capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = self.capsys.readouterr()
        return Done(code, said.out, said.err)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    logger = logging.getLogger("transferkit")
    monkeypatch.setattr(logger, "level", logger.level)
    return Tool(monkeypatch, capsys)


def never(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a model was loaded")


# --- the whole way ---------------------------------------------------------------------------------------------------
def test_the_real_command(here: Path, tool: Tool) -> None:
    """Warnings are errors there, too; stdout holds results alone; what it made serves this process."""
    trained = run_command("train", "study.toml", "--json", cwd=here)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout) == {"made": 2, "present": 0, "failed": 0}
    assert "train: 6 of 6" in trained.stderr
    assert 'In Python: study = tk.find_study("study.toml"); tk.fill(study, tk.Store("runs"))' in trained.stderr
    measured = tool("measure", "study.toml")
    assert (measured.code, measured.out) == (0, "")
    assert "6 made, 0 were there, 0 failed (runs)" in measured.err


def test_train_measure_ls_show_verify(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool("train", "study.toml").code == 0
    done = tool("measure", "study.toml", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"made": 6, "present": 0, "failed": 0}
    before = contents(here / "runs")

    monkeypatch.setattr(Backbone, "load", never)
    again = tool("train", "study.toml", "--json")
    assert json.loads(again.out) == {"made": 0, "present": 2, "failed": 0}
    assert contents(here / "runs") == before

    asked, store = from_toml("study.toml"), Store("runs")
    rows = json.loads(tool("ls", "--json").out)
    assert {row["key"] for row in rows} == {key(spec) for spec in asked.specs()}
    for spec in asked.scores():
        (row,) = [row for row in rows if row["key"] == key(spec)]
        assert row["score"] == round(store.get(spec).metrics["accuracy"], 4)
        assert (row["backbone"], row["task"]) == ("tiny", "toy")
    table = tool("ls").out
    assert all(key(spec) in table for spec in asked.specs())
    assert [row["kind"] for row in json.loads(tool("ls", "--kind", "neurons", "--json").out)] == ["neurons"] * 2

    (prompt,) = asked.prompts()
    trained = next(spec for spec in asked.scores() if spec.source.kind == "trained")
    shown = tool("show", key(trained)[:6]).out
    assert f"score {key(trained)}" in shown
    assert f"made from prompt {key(prompt)} (toy, seed 0)" in shown
    assert f"accuracy = {store.get(trained).metrics['accuracy']:.4f}" in shown
    assert "n = 20, truncated 0" in shown
    assert '"device": "cpu"' in shown
    assert '"learning_rate": 0.05' in tool("show", key(prompt)).out

    assert tool("verify").out == "every file is what its manifest says\n"
    (store.path(trained) / "score.json").write_text("{}")
    broken = tool("verify")
    assert broken.code == 1
    assert broken.out == f"{store.path(trained)}: score.json was altered\n"
    assert "1 altered. Remove these folders" in broken.err


def test_dry_runs_load_and_write_nothing(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "load", never)
    done = tool("train", "study.toml", "--dry-run")
    assert done.code == 0
    assert done.out.splitlines() == [
        "present: 0",
        "missing examples: 1",
        "missing prompts: 1",
        "missing scores: 0",
        "missing neurons: 0",
        "training steps: 6, (prompt, example) pairs to score: 0",
    ]
    done = tool("measure", "study.toml", "--dry-run", "--json")
    assert json.loads(done.out) == {
        "missing": {"examples": 0, "prompts": 0, "scores": 4, "neurons": 2},
        "present": 0,
    }
    assert "pairs to score: 60" in tool("measure", "study.toml", "--dry-run").out
    assert not (here / "runs").exists()


def test_seeds_and_limit(here: Path, tool: Tool) -> None:
    counts = json.loads(tool("train", "study.toml", "--dry-run", "--json", "--seeds", 3).out)["missing"]
    assert counts["prompts"] == 3
    done = tool("train", "study.toml", "--dry-run", "--limit", 7)
    assert "TRIAL: at most 7 examples per task are scored. These numbers are not for a paper." in done.err
    assert tool("train", "study.toml", "--limit", 7).code == 0
    assert tool("measure", "study.toml", "--limit", 7).code == 0
    scores = list(Store("runs").specs("score"))
    assert {len(Store("runs").get(spec).predicted) for spec in scores} == {7}
    whole = {key(spec) for spec in from_toml("study.toml").specs()}
    assert not {key(spec) for spec in scores} & whole  # a trial's numbers have their own keys


def test_limit_never_raises_a_size(here: Path, tool: Tool) -> None:
    asked = commands.asked_for("study.toml", None, 1000)
    assert asked.sizes.report == 20


def test_another_store_and_overwriting(here: Path, tool: Tool) -> None:
    assert tool("train", "study.toml", "--store", "elsewhere").code == 0
    assert not (here / "runs").exists()
    done = tool("train", "study.toml", "--store", "elsewhere", "--overwrite", "--json")
    assert json.loads(done.out) == {"made": 2, "present": 0, "failed": 0}


def test_failures_are_listed_with_exit_code_1(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tool("measure", "study.toml")
    assert done.code == 1
    assert re.search(r"failed: score toy-seed0-\w+: prompt \w+ is not in the store", done.err)
    assert "transferkit train STUDY" in done.err
    assert list((here / "runs" / "failures").glob("*.json"))
    with monkeypatch.context() as patched:
        patched.setattr(training, "loss", lambda logits, _gold: logits.sum() * float("nan"))
        broken = tool("train", "study.toml", "--json")
    assert broken.code == 1
    assert json.loads(broken.out)["failed"] == 1
    assert "the loss is nan at step 1" in broken.err
    assert "lower learning_rate (now 0.05)" in broken.err
    assert tool("train", "study.toml").code == 0
    assert tool("measure", "study.toml").code == 0
    assert not list((here / "runs" / "failures").glob("*.json"))


def test_only_this_runs_failures_are_listed(here: Path, tool: Tool) -> None:
    tool("measure", "study.toml", "--seeds", 2)
    done = tool("measure", "study.toml")
    assert "toy-seed1" not in done.err


def test_doctor_measures_and_names(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SIZE", 32)
    done = tool("doctor", "--cache", "cache")
    assert done.code == 0
    assert re.search(r"matmul float32 +\d+ GFLOP/s", done.out)
    assert re.search(r"matmul bfloat16 +\d+ GFLOP/s \([\d.]+ × float32\)", done.out)
    assert re.search(r"catalogue +0 of \d+ fetched \(cache\)", done.out)
    assert re.search(r"store +runs: none yet", done.out)
    tool("train", "study.toml")
    assert re.search(r"store +runs: 2 artifacts, 0 altered", tool("doctor").out)


def test_fetch_lists_the_catalogue(here: Path, tool: Tool) -> None:
    done = tool("fetch", "--cache", "cache")
    assert done.code == 0
    assert "minilm-l3" in done.out


def test_fetch_shows_asks_and_downloads(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(fetching, "fetch", lambda names, cache: asked.append((list(names), cache)))
    done = tool("fetch", "minilm-l3", "--yes", "--cache", "cache")
    assert done.code == 0
    assert "licence" in done.err
    assert asked == [(["minilm-l6", "minilm-l3"], Path("cache"))]  # its vocabulary is that of the other
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(commands.typer, "confirm", lambda _question, **_options: True)
    assert tool("fetch", "minilm-l3", "--cache", "cache").code == 0
    assert len(asked) == 2
    monkeypatch.setattr(catalogue, "missing", lambda _names, _cache: [])
    monkeypatch.setattr(catalogue, "verify", lambda _name, _cache: None)
    done = tool("fetch", "minilm-l3", "--cache", "cache", "--verify")
    assert (done.code, done.out) == (0, "minilm-l3: sound\n")
    assert len(asked) == 2


def test_quickstart_fetches_fills_and_reports(here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(commands, "fetch", lambda names, _cache, *, yes: said.append((names, yes)))
    monkeypatch.setattr(commands, "fill", lambda wanted, stages: said.append((wanted.name, wanted.store, stages)))
    monkeypatch.setattr(
        commands, "analyze", lambda asked, _store, out, *, partial: said.append((asked.seeds, out, partial))
    )
    assert tool("quickstart", "--yes", "--seeds", 2).code == 0
    assert said == [
        (["quickstart"], True),
        ("quickstart", Path("runs"), ("train", "measure")),
        ((0, 1), Path("reports"), False),
    ]


def test_an_unfilled_study_is_not_analysed(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    done = tool("analyze", "study.toml")
    assert done.code == 2
    assert "6 of 8 artifacts are missing from runs" in done.err
    assert "analyze --partial" in done.err
    assert not (here / "reports").exists()


def test_a_store_without_studies_is_not_analysed(here: Path, tool: Tool) -> None:
    Path("runs").mkdir()
    Path("runs/store.toml").write_text("format = 1\n")
    done = tool("analyze", "runs")
    assert done.code == 2
    assert "runs holds no filled study" in done.err


def test_a_store_is_analysed_by_the_studies_it_holds(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    assert "artifacts are missing" in tool("analyze", "runs").err


def test_looking_loads_nothing_heavy(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    code = (
        "import sys; sys.argv = ['transferkit', 'ls'];\n"
        "from transferkit.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'torch', 'transformers', 'datasets', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert "seed 0" in out


# --- what is refused -------------------------------------------------------------------------------------------------
def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


REFUSED: dict[str, tuple[tuple[str, str], ...]] = {
    "unknown field": (("max_tokens", "max_token"),),
    "unknown recipe field": (("learning_rate", "lerning_rate"),),
    "a number as text": (("learning_rate = 0.05", 'learning_rate = "1e-3"'),),
    "unknown preset": (("recipe = {", 'recipe = { preset = "su202",'),),
    "unknown backbone": (('"tiny"', '"minilm-l7"'),),
    "not fetched": (('"tiny"', '"minilm-l3"'),),
    "unknown task": (("max_tokens = 32", 'max_tokens = 32\ntasks = ["rotten_tomatos"]'),),
    "unknown group": (("max_tokens = 32", 'max_tokens = 32\ntasks = ["@sentimen"]'),),
    "no data file": (("reviews.csv", "absent.csv"),),
    "unknown kind of file": (("reviews.csv", "study.toml"),),
    "wrong column": (("[task.toy]", '[task.toy]\ntext = "body"'),),
    "unnamed label": (("neg = {", "minus = {"),),
    "no mask": (("[task.toy]", '[task.toy]\ntemplate = "{text}"'),),
    "no toml": (("backbones = [", "backbones = [["),),
}


def masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER").replace(str(folder.resolve()), "FOLDER").strip()
    return re.sub(r"(not TOML|minilm-l3) \([^\n]*\)", r"\1 (…)", text)  # Python's and the catalogue's own words


def test_every_wrong_question_is_refused_before_a_model_is_loaded(
    here: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch, regen: bool
) -> None:
    monkeypatch.setattr(Backbone, "load", never)
    right = Path("study.toml").read_text()
    said = {}
    for name, changes in REFUSED.items():
        Path("study.toml").write_text(changed(right, *changes))
        done = tool("train", "study.toml", "--cache", here / "cache")
        assert (done.code, done.out) == (2, ""), name
        assert "→" in done.err, name
        said[name] = masked(done.err, here)
    Path("study.toml").write_text(right)
    arguments = {
        "no such study": ("train", "quikstart"),
        "no such file": ("measure", "absent.toml"),
        "no store": ("ls",),
        "no store to show": ("show", "abc"),
        "no store to verify": ("verify", "--store", "nowhere"),
        "nothing to fetch": ("fetch", "bbc_new"),
        "unasked download": ("fetch", "minilm-l3", "--cache", here / "cache"),
    }
    for name, line in arguments.items():
        done = tool(*line)
        assert (done.code, done.out) == (2, ""), name
        said[name] = masked(done.err, here).partition("error: ")[2]
    assert not (here / "runs").exists()
    text = "".join(f"# {name}\n{message}\n\n" for name, message in said.items())
    if regen:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize(
    "line",
    [
        ("train",),
        ("trian", "study.toml"),
        ("train", "study.toml", "--seeds", 0),
        ("train", "study.toml", "--device", "tpu"),
        ("ls", "--kind", "other"),
        ("train", "study.toml", "--limit", "x"),
    ],
)
def test_wrong_options_end_with_2(here: Path, tool: Tool, line: tuple[object, ...]) -> None:
    assert tool(*line).code == 2


def test_unknown_keys_are_refused(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    done = tool("show", "zz")
    assert done.code == 2
    assert "no artifact in runs with a key beginning 'zz'" in done.err


def test_a_damaged_store_ends_with_1(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    Path("runs/store.toml").write_text("format = 99\n")
    done = tool("train", "study.toml", "--seeds", 2)
    assert done.code == 1
    assert "another format than 1" in done.err


def test_a_list_names_what_is_altered(here: Path, tool: Tool) -> None:
    tool("train", "study.toml")
    tool("measure", "study.toml")
    path = next(Path("runs/scores").rglob("score.json"))
    path.write_text("{}")
    assert tool("ls").code == 0
