"""What the ways to bring a prompt elsewhere are called, what they need, and in which order their seeds stand."""

import dataclasses

import numpy as np
import pytest
from explaining.crossed import HITS, TASKS, CrossedStudy, D, P

from transferkit.report.projection_sections import KINDS as SAID
from transferkit.results.ways import needs_of, untrained_of, ways
from transferkit.specs import key
from transferkit.statistics.spread import collapse, kept, spread
from transferkit.study.projection import METHODS


def test_needs_count_tasks():
    (crossing,) = CrossedStudy(asked=({"train_on": TASKS[:1]},)).crossings
    assert needs_of(crossing, "flat_tasks") == "labels of 1 task"


def test_seeds_are_paired_by_what_they_are_not_where_they_stand():
    (crossing,) = CrossedStudy().crossings
    assert [spec.seed for spec in crossing.own[:3]] == [2, 1, 0]
    for method, by_task in ways(crossing).items():
        for task, specs in by_task.items():
            seeds = [getattr(spec.source, "seed", 0) for spec in specs]
            assert seeds == sorted(seeds), (method, task)


def test_own_prompts_that_are_also_the_retrained_ones_are_both():
    (crossing,) = CrossedStudy(seeds=(0,)).crossings
    keys = {key(spec) for spec in crossing.retrained}
    kept = [spec for spec in crossing.scores if getattr(spec.source, "key", None) not in keys]
    twice = [spec for spec in kept if getattr(spec.source, "key", None) in {key(p) for p in crossing.own}]
    same = dataclasses.replace(crossing, retrained=crossing.own, scores=(*kept, *twice))
    found = ways(same)
    assert found["own prompt"] == found["retrained"]
    assert [len(specs) for specs in found["own prompt"].values()] == [1, 1, 1]


def test_every_kind_of_projector_is_named_and_placed():
    assert set(METHODS) | set(HITS) == set(SAID)


def test_prompts_that_differ_by_less_than_a_hundredth_are_one_prompt_and_zeros_have_no_cosine():
    one = np.ones((P, D))
    cosine, difference, n = spread({0: [one, 1.005 * one], 1: [one]})
    assert (cosine, n) == (pytest.approx(1.0), 1)
    assert difference == pytest.approx(0.005 / 1.0025)
    cosine, difference, n = spread({0: [0 * one, 0 * one, one]})
    assert np.isnan(cosine)
    assert (difference, n) == (pytest.approx(4 / 3), 3)  # 0, 2 and 2
    assert spread({0: [one], 1: [one]}) is None


def test_collapse_is_judged_by_what_there_was_to_keep():
    assert collapse(0.009, 0.9, 0.9) == "yes"
    assert collapse(0.06, kept(0.06, 1.4), np.nan) == "nearly"
    assert collapse(0.02, kept(0.02, 0.03), np.nan) == "no"  # what was given differed no more
    assert collapse(0.02, kept(0.02, 0.03), kept(0.02, 0.5)) == "nearly"  # but the network undid it
    assert np.isnan(kept(0.0, 0.0))
    assert collapse(0.2, np.nan, np.nan) == "no"


def test_a_network_is_set_beside_its_own_form_untrained():
    (crossing,) = CrossedStudy().crossings
    assert untrained_of(crossing, "rows_distance") == "rows_random"
    assert [untrained_of(crossing, name) for name in ("flat_tasks", "rows_random", "linear", "own prompt")] == [""] * 4
