"""Projector jobs: ours walks the published loop's way, and a quick run gives a row per comparison."""

import pytest

from benchmarks import projector_jobs, projectors
from benchmarks.harness import Session, Settings
from benchmarks.peers.su2022_projector import Loop

SPACES = projectors.SMALL


@pytest.mark.parametrize("foreach", [False, True])
def test_the_published_loop_takes_the_same_steps(foreach: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert projector_jobs.matches_published(SPACES)().more["difference"] <= projector_jobs.TOLERANCE
    monkeypatch.setattr(projector_jobs, "Loop", lambda *args, **_: Loop(*args, foreach=foreach))
    assert projector_jobs.matches_published(SPACES)().more["difference"] <= projector_jobs.TOLERANCE


def test_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_jobs, "Loop", lambda parts, _rate, **options: Loop(parts, 0.1, **options))
    with pytest.raises(AssertionError, match="the losses differ"):
        projector_jobs.matches_published(SPACES)()


def test_a_step_of_all_prompts_counts_them_all() -> None:
    assert projector_jobs.ours(SPACES, at_once=3, steps=2)().units == 6
    assert projector_jobs.search(SPACES, n_anchors=16, top_k=8, steps=2, of=8)().units == 0.25


def test_a_row_per_comparison(here: list[str]) -> None:
    session = Session("projectors", Settings(quick=True, rounds=1))
    projectors.run(session)
    assert session.finish()
    assert len(here) == 11
    assert [row["gate"] for row in session.rows if row["id"]] == [2.8, 20]
    assert [row["peer_name"] is None for row in session.rows] == [False] * 8 + [True] * 2
    assert all(row["ours"] > 0 for row in session.rows)
