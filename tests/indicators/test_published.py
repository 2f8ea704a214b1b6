"""Su et al.'s published prompts and scores, RoBERTa-base: values, agreements and p values computed independently."""

import dataclasses
import json

import numpy as np
import pytest

from transferkit.artifacts import Prompt
from transferkit.indicators import BY_NAME
from transferkit.matrices import Matrix, same_group
from transferkit.statistics import GROUPINGS, agreement, mantel, partial_agreement

pytestmark = pytest.mark.published
SENTIMENT = ("IMDB", "SST2", "laptop", "restaurant", "movierationales", "tweetevalsentiment")
GROUPS = {
    **dict.fromkeys(SENTIMENT, "SA"),
    **dict.fromkeys(("MNLI", "QNLI", "snli", "recastner"), "NLI"),
    **dict.fromkeys(("ethicsdeontology", "ethicsjustice"), "EJ"),
    **dict.fromkeys(("QQP", "MRPC"), "PI"),
}
PAIRS = {  # all rows / without slot 0
    ("IMDB", "SST2"): (".009384 .090663 .051010 .033423", ".010418 .094477 .044618 .034396"),
    ("MNLI", "snli"): (".001335 .021863 -.244867 .096816", ".002639 .025740 .093631 .098724"),
    ("QQP", "MRPC"): (".004051 .045959 .008079 .023491", ".005152 .048920 .033654 .023885"),
    ("IMDB", "MNLI"): (".002042 .029594 .109025 .028720", ".003447 .033286 .027640 .029206"),
}
FORMS = ("euclidean_concat", "euclidean_average", "cosine_concat", "cosine_average")
AGREEMENTS = {  # per source, per target, all; the same with the diagonal; all on chance-corrected scores
    "euclidean_concat_all_rows": (0.367, -0.031, 0.280, 0.494, 0.174, 0.423, 0.024),
    "euclidean_average_all_rows": (0.434, -0.067, 0.283, 0.374, -0.056, 0.283, 0.015),
    "cosine_concat_all_rows": (0.039, 0.163, 0.105, 0.230, 0.329, 0.283, 0.272),
    "cosine_average_all_rows": (-0.180, 0.396, 0.011, 0.055, 0.516, 0.197, 0.267),
    "euclidean_concat": (0.431, -0.058, 0.284, 0.544, 0.152, 0.426, 0.015),
    "euclidean_average": (0.433, -0.065, 0.284, 0.372, -0.054, 0.284, 0.015),
    "cosine_concat": (0.130, 0.340, 0.262, 0.303, 0.471, 0.409, 0.377),
    "cosine_average": (-0.192, 0.394, 0.015, 0.045, 0.515, 0.201, 0.275),
    "cosine_concat_centred": (0.119, 0.224, 0.170, 0.295, 0.378, 0.335, 0.151),
    "norm_proxy": (0.435, -0.071, 0.284, 0.374, -0.059, 0.282, 0.014),
    "same_group": (0.384, 0.578, 0.457, 0.504, 0.662, 0.558, 0.593),
}


@pytest.fixture(scope="module")
def published(reference):
    """The prompts and the matrix of scores, chance-corrected too."""
    import torch

    found = sorted(reference.rglob("task_prompt_emb"))
    if not found:
        pytest.skip("no published prompts in the folder")
    root = found[0].parent
    prompts = {}
    for task in GROUPS:
        vectors = torch.load(root / f"task_prompt_emb/{task}PromptRoberta/task_prompt", weights_only=True)
        vectors = vectors.detach().numpy()
        prompts[task] = Prompt(vectors, np.zeros_like(vectors), np.arange(len(vectors)) > 0)

    def score(target, name):
        text = (root / f"result/{target}PromptRoberta/result_{name}.json").read_text()
        return json.loads(json.loads(text))["acc"]

    transfer = Matrix(
        values=np.array([[score(t, f"{s}PromptRoberta") for t in GROUPS] for s in GROUPS]),
        sources=tuple(GROUPS),
        targets=tuple(GROUPS),
        source_groups=tuple(GROUPS.values()),
        target_groups=tuple(GROUPS.values()),
        name="score",
    )
    random = np.array([score(t, "random") for t in GROUPS])
    return prompts, transfer.relative(), transfer.chance_corrected(random)


def matrix_of(name, prompts, like):
    if name == "same_group":
        return same_group(like)
    stack = list(prompts.values())
    return dataclasses.replace(like, values=BY_NAME[name](stack, stack), state=None, name=name)


@pytest.mark.parametrize("pair", PAIRS)
def test_values_of_pairs(published, pair):
    prompts = published[0]
    first, second = ([prompts[name]] for name in pair)
    for suffix, line in zip(("_all_rows", ""), PAIRS[pair], strict=True):
        for name, value in zip(FORMS, line.split(), strict=True):
            assert BY_NAME[name + suffix](first, second)[0, 0] == pytest.approx(float(value), abs=1e-6)


@pytest.mark.parametrize("name", AGREEMENTS)
def test_agreements(published, name):
    prompts, relative, corrected = published
    matrix = matrix_of(name, prompts, relative)
    found = [agreement(relative, matrix, grouping=g, diagonal=d).rho for d in ("without", "with") for g in GROUPINGS]
    found.append(agreement(corrected, matrix, grouping="all").rho)
    np.testing.assert_allclose(found, AGREEMENTS[name], atol=1.1e-3)


def test_means_by_group(published):
    relative, corrected = published[1:]
    same = same_group(relative).values.astype(bool)
    foreign = ~relative.is_own()
    for matrix, expected, tolerance in ((relative, (0.7723, 0.5617), 1e-4), (corrected, (0.560, 0.034), 1e-3)):
        means = [matrix.values[foreign & cells].mean() for cells in (same, ~same)]
        np.testing.assert_allclose(means, expected, atol=tolerance)


def test_relabelling_and_partial_correlation(published):
    prompts, relative, corrected = published
    norms = matrix_of("norm_proxy", prompts, relative)
    concat = matrix_of("euclidean_concat_all_rows", prompts, relative)
    cosine = matrix_of("cosine_concat", prompts, relative)
    assert partial_agreement(relative, concat, norms) == pytest.approx(-0.018, abs=2e-2)
    assert partial_agreement(relative, cosine, norms) == pytest.approx(0.180, abs=5e-3)
    generator = np.random.default_rng(0)
    assert mantel(relative, concat, generator=generator) == pytest.approx(0.0055, abs=0.005)
    assert mantel(
        relative, matrix_of("cosine_concat_all_rows", prompts, relative), generator=generator
    ) == pytest.approx(0.097, abs=0.025)
    assert mantel(corrected, cosine, generator=generator) == pytest.approx(0.0005, abs=0.002)
