"""Made-up checkouts of Su et al.'s repository: every backbone, every kind of score, and everything odd is listed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from transferkit.errors import InputError
from transferkit.interop import su2022
from transferkit.interop.su2022 import is_checkout, live_rows, read_checkout

WIDTHS = {"Bert": 6, "Roberta": 6, "RobertaLarge": 8, "T5": 6, "T5Small": 4, "T5XXL": 10}
TASKS = ("IMDB", "MNLI", "nq_open")


class Tree:
    """A checkout under construction."""

    def __init__(self, root):
        self.root = root
        for name in ("task_prompt_emb", "result"):
            (root / name).mkdir(parents=True)

    def prompt(self, folder, *, width=6, rows=5, fill=1.0, name="task_prompt", stored=None):
        path = self.root / "task_prompt_emb" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(torch.full((rows, width), fill) if stored is None else stored, path)
        return path

    def score(self, target, name, acc=0.5, *, doubled=True, text=None):
        path = self.root / "result" / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        said = json.dumps({"acc": acc})
        path.write_text(text if text is not None else json.dumps(said) if doubled else said)
        return path

    def square(self, backbone, tasks=TASKS, *, width=None):
        for i, source in enumerate(tasks):
            self.prompt(f"{source}Prompt{backbone}", width=width or WIDTHS[backbone], fill=i + 1.0)
            for j, target in enumerate(tasks):
                self.score(f"{target}Prompt{backbone}", f"result_{source}Prompt{backbone}.json", (i * 10 + j) / 100)
        return self

    def read(self, *prompts):
        return read_checkout(self.root, prompts=prompts)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "Prompt-Transferability-1.0")


def reasons(checkout):
    return {skipped.file: skipped.reason for skipped in checkout.skipped}


def cells(checkout, backbone, kind="prompt"):
    found = [score for score in checkout.scores if (score.backbone, score.kind) == (backbone, kind)]
    return {(score.source_task, score.source_backbone, score.target): score.value for score in found}


# --- whole and plain --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("backbone", ["Bert", "Roberta", "RobertaLarge", "T5", "T5Small", "T5XXL"])
def test_one_backbone(tree, backbone):
    checkout = tree.square(backbone).read()
    assert checkout.backbones == (backbone,)
    assert [prompt.task for prompt in checkout.prompts] == ["IMDB", "MNLI", "nq_open"]
    for i, prompt in enumerate(checkout.prompts):
        assert prompt.file == f"task_prompt_emb/{prompt.task}Prompt{backbone}/task_prompt"
        assert len(prompt.sha256) == 64
        assert prompt.variant is None
        assert np.array_equal(prompt.vectors, np.full((5, WIDTHS[backbone]), i + 1, np.float32))
        assert prompt.live.tolist() == [not backbone.startswith(("Roberta", "Bert")), True, True, True, True]
    expected = {(s, backbone, t): (i * 10 + j) / 100 for i, s in enumerate(TASKS) for j, t in enumerate(TASKS)}
    assert cells(checkout, backbone) == expected
    assert checkout.scores[0].file.startswith("result/IMDBPrompt")
    assert (checkout.skipped, checkout.notes, checkout.missing_cells(backbone)) == ((), (), [])


def test_suffixes_that_begin_alike(tree):
    for backbone in WIDTHS:
        tree.square(backbone)
    checkout = tree.read()
    assert checkout.backbones == tuple(sorted(WIDTHS))
    for backbone, width in WIDTHS.items():
        assert len(cells(checkout, backbone)) == 9
        assert [p.vectors.shape for p in checkout.prompts if p.backbone == backbone] == [(5, width)] * 3
    assert checkout.skipped == ()


def test_root_or_its_parent(tree):
    tree.square("T5")
    (tree.root.parent / "other").mkdir()
    for path in (tree.root, tree.root.parent):
        assert is_checkout(path)
        assert read_checkout(path).root == tree.root
    for path in (tree.root / "result", tree.root.parent / "absent", tree.root.parent / "other"):
        assert not is_checkout(path)
        with pytest.raises(InputError, match="no task_prompt_emb beside a result"):
            read_checkout(path)


def test_several_roots(tree):
    Tree(tree.root.parent / "Second")
    assert is_checkout(tree.root.parent)
    with pytest.raises(InputError, match=r"several: Prompt-Transferability-1\.0, Second"):
        read_checkout(tree.root.parent)


def test_backbones_with_scores_come_first(tree):
    tree.prompt("IMDBPromptBert")
    checkout = tree.square("T5").square("Roberta").read()
    assert checkout.backbones == ("Roberta", "T5", "Bert")
    assert checkout.notes == ("Bert: prompts, but no scores",)


def test_unknown_family(tree):
    checkout = tree.square("Falcon", width=3).read()
    assert all(prompt.live.all() for prompt in checkout.prompts)
    assert checkout.notes == ("Falcon: an unknown family; every row of its prompts is taken to be read",)


# --- scores -----------------------------------------------------------------------------------------------------------
def test_missing_cell(tree):
    tree.square("Roberta")
    (tree.root / "result/MNLIPromptRoberta/result_IMDBPromptRoberta.json").unlink()
    tree.score("MNLIPromptRoberta", "result_IMDBPromptBert.json")
    checkout = tree.read()
    assert checkout.missing_cells("Roberta") == [("IMDB", "MNLI")]
    assert checkout.notes == ("Roberta: 1 of 9 cells of the matrix are missing",)


def test_a_source_without_a_folder_of_results_has_cells_too(tree):
    tree.square("Roberta")
    for target in TASKS[:2]:
        tree.score(f"{target}PromptRoberta", "result_snliPromptRoberta.json")
    tree.score("IMDBPromptRoberta", "result_squadPromptT5.json")  # of another backbone: no row of this matrix
    tree.score("IMDBPromptRoberta", "result_random.json")
    checkout = tree.read()
    assert checkout.targets("Roberta") == TASKS
    assert checkout.tasks("Roberta") == (*TASKS, "snli")
    assert checkout.missing_cells("Roberta") == [
        *((task, "snli") for task in TASKS),
        ("snli", "nq_open"),
        ("snli", "snli"),
    ]
    assert checkout.notes == ("Roberta: 5 of 16 cells of the matrix are missing",)


def test_kinds_of_scores(tree):
    tree.square("Roberta").square("T5")
    here = "IMDBPromptRoberta"
    tree.score(here, "result_random.json", 0.51)
    tree.score(here, "result_IMDBPromptBert.json", 0.52)
    tree.score(here, "result_model_transfer_IMDBPromptT5.json", 0.53, doubled=False)
    tree.score("IMDBPromptT5", "result_randomPromptT5.json", 0, doubled=False)
    checkout = tree.read()
    assert checkout.skipped == ()
    assert cells(checkout, "Roberta", "random") == {(None, None, "IMDB"): 0.51}
    assert cells(checkout, "T5", "random") == {(None, None, "IMDB"): 0.0}
    assert cells(checkout, "Roberta", "projected") == {("IMDB", "T5", "IMDB"): 0.53}
    assert cells(checkout, "Roberta")["IMDB", "Bert", "IMDB"] == 0.52
    assert len(cells(checkout, "Roberta")) == 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no score: Expecting value"),
        ('"{\\"acc\\": 0.5"', "holds no score: Expecting"),
        ('{"f1": 0.5}', "no 'acc' in it"),
        ("0.5", "no 'acc' in it"),
        ('"\\"{}\\""', "no 'acc' in it"),
        ('{"acc": 53.1}', "'acc' is 53.1, not a fraction"),
        ('{"acc": -0.1}', "'acc' is -0.1"),
        ('{"acc": NaN}', "'acc' is nan"),
        ('{"acc": "0.5"}', "'acc' is '0.5'"),
        ('{"acc": true}', "'acc' is True"),
        ('{"acc": null}', "'acc' is None"),
        ("[" * 100_000, "holds no score"),
    ],
    ids=range(12),
)
def test_broken_scores(tree, text, reason):
    tree.square("T5")
    tree.score("IMDBPromptT5", "result_MNLIPromptT5.json", text=text)
    checkout = tree.read()
    assert list(reasons(checkout)) == ["result/IMDBPromptT5/result_MNLIPromptT5.json"]
    assert reason in checkout.skipped[0].reason
    assert checkout.missing_cells("T5") == [("MNLI", "IMDB")]


def test_score_that_is_no_text(tree):
    tree.square("T5").score("IMDBPromptT5", "result_random.json").write_bytes(b"\xff\xfe\x00")
    tree.score("MNLIPromptT5", "result_random.json").unlink()
    (tree.root / "result/MNLIPromptT5/result_random.json").mkdir()
    assert set(reasons(tree.read())) == {f"result/{task}PromptT5/result_random.json" for task in ("IMDB", "MNLI")}


@pytest.mark.parametrize(
    ("target", "name", "reason"),
    [
        ("IMDBPromptT5", "result.json", "not result_{SOURCE}"),
        ("IMDBPromptT5", "result_proj.json", "not result_{SOURCE}"),
        ("IMDBPromptT5", "notes.txt", "not result_{SOURCE}"),
        ("IMDBPromptT5", "result_model_transfer_random.json", "not result_{SOURCE}"),
        ("IMDBPromptT5", "result_MNLIPromptT5_s1.json", "the score of a variant of MNLI's prompt"),
        ("IMDBPromptT5", "result_MNLI_base_nliPromptT5.json", "the score of a variant of MNLI's prompt"),
        ("IMDBPromptT5", "result_randomPromptBert.json", "a random prompt of another kind"),
        ("IMDBPromptT5", "result_random_sPromptT5.json", "a random prompt of another kind"),
        ("IMDBPromptT5", "result_model_transfer_randomPromptT5.json", "a random prompt of another kind"),
        ("IMDBPromptT5", "result_model_transfer_all_IMDBPromptBert.json", "a projection of another kind"),
    ],
)
def test_names_that_are_no_cell(tree, target, name, reason):
    tree.square("T5").score(target, name)
    checkout = tree.read()
    assert list(reasons(checkout)) == [f"result/{target}/{name}"]
    assert reason in checkout.skipped[0].reason
    assert len(checkout.scores) == 9


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("randomPromptT5", "random is not a task"),
        ("IMDBPromptT5_mlm_s1", "1 scores of a variant of IMDB"),
        ("IMDB", "its name is not {TARGET}Prompt{BACKBONE}"),
        ("Promptt5", "its name is not"),
    ],
)
def test_folders_that_are_no_target(tree, folder, reason):
    tree.square("T5").score(folder, "result_MNLIPromptT5.json")
    assert reason in reasons(tree.read())[f"result/{folder}"]


def test_second_random_score(tree):
    tree.square("T5").score("IMDBPromptT5", "result_random.json", 0.1)
    tree.score("IMDBPromptT5", "result_randomPromptT5.json", 0.2)
    checkout = tree.read()
    assert cells(checkout, "T5", "random") == {(None, None, "IMDB"): 0.1}
    assert reasons(checkout) == {
        "result/IMDBPromptT5/result_randomPromptT5.json": "the same cell as result_random.json"
    }


def test_stray_files(tree):
    tree.square("T5")
    for place in ("result/table.csv", "task_prompt_emb/conv.py"):
        (tree.root / place).touch()
    for place in ("result/.DS_Store", "task_prompt_emb/.DS_Store", "task_prompt_emb/IMDBPromptT5/.DS_Store"):
        (tree.root / place).touch()
    (tree.root / "result/IMDBPromptT5/.DS_Store").touch()
    assert set(reasons(tree.read())) == {"result/table.csv", "task_prompt_emb/conv.py"}


# --- prompts ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 5}, "its shape is [5, 5], that of 2 of 3 prompts of T5 [5, 6]"),
        ({"rows": 4}, "its shape is [4, 6]"),
        ({"stored": torch.ones(6)}, "a prompt has the shape [rows, width]; this has [6]"),
        ({"stored": torch.ones(5, 6, dtype=torch.int64)}, "holds torch.int64 values"),
        ({"fill": float("nan")}, "30 of 30 values are infinite or not a number"),
        ({"fill": 0.0}, "all values are zero"),
        ({"stored": {"a": torch.ones(2, 2), "b": torch.ones(2, 2)}}, "which of its arrays"),
        ({"stored": Path("x")}, "run code stored in the file"),
    ],
    ids=range(8),
)
def test_odd_prompts(tree, change, reason):
    tree.square("T5").prompt("IMDBPromptT5", **change)
    checkout = tree.read()
    assert [prompt.task for prompt in checkout.prompts] == ["MNLI", "nq_open"]
    assert list(reasons(checkout)) == ["task_prompt_emb/IMDBPromptT5/task_prompt"]
    assert reason in checkout.skipped[0].reason
    assert str(tree.root) not in checkout.skipped[0].reason
    assert checkout.notes == ("T5: targets without a prompt: IMDB",)
    assert len(checkout.scores) == 9


def test_stored_code_is_not_run(tree, tmp_path):
    victim = tmp_path / "victim"

    class Touch:
        def __reduce__(self):
            return os.mkdir, (str(victim),)

    tree.square("T5").prompt("IMDBPromptT5", stored={"prompt": Touch()})
    assert "run code" in reasons(tree.read())["task_prompt_emb/IMDBPromptT5/task_prompt"]
    assert not victim.exists()


def test_damaged_prompt(tree):
    tree.square("T5").prompt("IMDBPromptT5").write_bytes(b"PK damaged")
    assert "cannot be read" in reasons(tree.read())["task_prompt_emb/IMDBPromptT5/task_prompt"]


def test_folders_that_are_no_prompt(tree):
    tree.square("T5").prompt("randomPromptT5")
    tree.prompt("IMDBPrompt_cross_model_T5_to_Roberta")
    (tree.root / "task_prompt_emb/squadPromptT5").mkdir()
    tree.prompt("snliPromptT5", name="1.pkl")
    tree.prompt("snliPromptT5", name="2.pkl")
    assert reasons(tree.read()) == {
        "task_prompt_emb/randomPromptT5": "a random prompt, not trained on a task",
        "task_prompt_emb/IMDBPrompt_cross_model_T5_to_Roberta": "its name is not {TASK}Prompt{BACKBONE}",
        "task_prompt_emb/IMDBPrompt_cross_model_T5_to_Roberta/task_prompt": "a file outside the folders of prompts",
        "task_prompt_emb/squadPromptT5": "no task_prompt in it",
        "task_prompt_emb/snliPromptT5": "no task_prompt in it, but 1.pkl, 2.pkl",
    }


def test_a_dangling_link_is_listed(tree):
    tree.square("T5")
    base = tree.root / "task_prompt_emb"
    for name in ("snliPromptT5", "notes"):
        (base / name).symlink_to(tree.root / "gone")
    (base / "linkedPromptT5").symlink_to(base / "IMDBPromptT5")
    checkout = tree.read()
    assert [prompt.task for prompt in checkout.prompts] == ["IMDB", "MNLI", "linked", "nq_open"]
    assert reasons(checkout) == {
        f"task_prompt_emb/{name}": "a link to something that is not there" for name in ("snliPromptT5", "notes")
    }


def test_other_names_of_the_file(tree):
    tree.prompt("IMDBPromptT5XXL", name="latest.pt", stored=torch.ones(1, 5, 10, dtype=torch.float16))
    tree.prompt("MNLIPromptT5XXL", name="69.pkl", stored={"model": torch.ones(5, 10), "optimizer": {}})
    tree.prompt("snliPromptT5XXL", width=10)
    tree.prompt("snliPromptT5XXL", name="latest.pt", fill=2.0)
    checkout = tree.read()
    assert [p.file.rpartition("/")[2] for p in checkout.prompts] == ["latest.pt", "69.pkl", "task_prompt"]
    assert all(np.array_equal(prompt.vectors, np.ones((5, 10), np.float32)) for prompt in checkout.prompts)
    assert reasons(checkout) == {"task_prompt_emb/snliPromptT5XXL/latest.pt": "beside task_prompt, which was read"}


def test_prompt_of_a_task_without_scores(tree):
    tree.square("T5").prompt("samsumPromptT5")
    checkout = tree.read()
    assert len(checkout.prompts) == 4
    assert checkout.notes == ("T5: prompts of tasks without scores as a target: samsum",)


# --- variants ---------------------------------------------------------------------------------------------------------
VARIANT = "IMDBPromptRobertaLarge_125"


def test_plain_prompt_is_taken_unless_chosen(tree):
    tree.square("RobertaLarge").prompt(VARIANT, width=8, fill=9.0)
    checkout = tree.read()
    assert checkout.prompts[0].variant is None
    assert reasons(checkout) == {
        f"task_prompt_emb/{VARIANT}": f"another prompt of IMDB; to take it: prompts=({VARIANT!r},)"
    }
    chosen = tree.read(VARIANT)
    assert (chosen.prompts[0].variant, chosen.prompts[0].vectors[0, 0]) == ("125", 9.0)
    assert [prompt.task for prompt in chosen.prompts] == list(TASKS)
    assert list(reasons(chosen)) == ["task_prompt_emb/IMDBPromptRobertaLarge"]
    assert chosen.notes == (f"task_prompt_emb/{VARIANT}/task_prompt: a variant of IMDB's prompt (125)",)
    assert tree.read("IMDBPromptRobertaLarge").prompts[0].variant is None


def test_only_variant_stands_in(tree):
    tree.square("T5").prompt("samsumPromptT5_7")
    checkout = tree.read()
    assert checkout.prompts[-1].variant == "7"
    assert checkout.notes[0] == "task_prompt_emb/samsumPromptT5_7/task_prompt: a variant of samsum's prompt (7)"
    tree.prompt("samsumPromptT5_8")
    two = tree.read()
    assert len(two.prompts) == 3
    assert set(reasons(two)) == {"task_prompt_emb/samsumPromptT5_7", "task_prompt_emb/samsumPromptT5_8"}
    assert tree.read("samsumPromptT5_8").prompts[-1].variant == "8"


@pytest.mark.parametrize(
    ("choice", "task", "variant"),
    [
        ("samsum_base_nliPromptT5", "samsum", "base_nli"),
        ("multi_news_trainedPromptT5_tanh", "multi_news", "trained_tanh"),
        ("T5_from_chimin/samsumPromptT5", "samsum", "T5_from_chimin"),
        ("cross/T5/samsumPromptT5_1", "samsum", "cross_T5_1"),
    ],
)
def test_other_variants_only_when_chosen(tree, choice, task, variant):
    tree.square("T5").prompt(choice)
    checkout = tree.read()
    assert len(checkout.prompts) == 3
    assert f"to take it: prompts=({choice!r},)" in reasons(checkout)[f"task_prompt_emb/{choice}"]
    found = {prompt.task: prompt for prompt in tree.read(choice).prompts}
    assert found[task].variant == variant
    assert found[task].file == f"task_prompt_emb/{choice}/task_prompt"


def test_task_with_results_is_not_taken_apart(tree):
    checkout = tree.square("T5", (*TASKS, "IMDB_long")).read()
    assert [prompt.task for prompt in checkout.prompts] == ["IMDB", "IMDB_long", "MNLI", "nq_open"]
    assert len(checkout.scores) == 16
    assert checkout.skipped == ()


def test_unknown_choice(tree):
    tree.square("RobertaLarge").prompt(VARIANT, width=8)
    with pytest.raises(InputError, match=f"did you mean '{VARIANT}'"):
        tree.read("IMDBPromptRobertaLarge_12")
    with pytest.raises(InputError, match="are both prompts of IMDB"):
        tree.read(VARIANT, "IMDBPromptRobertaLarge")


# --- what is known of tasks and backbones -----------------------------------------------------------------------------
def test_groups_and_metrics():
    assert len(su2022.GROUPS) == 18
    assert [su2022.group_of(task) for task in ("SST2", "sst2", "Multi_News", "agnews")] == [
        *("sentiment", "sentiment", "summarization", "agnews")
    ]
    assert [su2022.metric_of(task) for task in ("squad", "SQuAD", "MNLI", "agnews")] == [
        *("bleu_like", "bleu_like", "accuracy", "accuracy")
    ]
    classes = {"SST2": 2, "snli": 3, "SNLI": 3, "laptop": 4, "tweetevalsentiment": 3, "recastner": 2, "squad": None}
    classes |= {"ethicsjustice": 2, "emobankarousal": 2, "agnews": None, "STSB": None, "MRPC": 2}
    assert {task: su2022.n_classes_of(task) for task in classes} == classes
    assert all(su2022.n_classes_of(task) or su2022.metric_of(task) == "bleu_like" for task in su2022.GROUPS)


def test_backbones():
    assert su2022.BACKBONES["T5"] == "google-t5/t5-base"
    assert su2022.BACKBONES.get("T5XXL") is None
    assert live_rows("BertLarge", 3).tolist() == [False, True, True]
    assert live_rows("T5Large", 2).tolist() == [True, True]
