"""Filling a sweep measures, once, what each prompt does, beside the rows its training began from."""

import numpy as np
import pytest
import torch
from executors.saved import save_tiny, write_study

from transferkit import cli
from transferkit.artifacts import Influence, Prompt
from transferkit.measures.influence import Subject, measure_influence
from transferkit.readouts import make_readout
from transferkit.run import fill
from transferkit.specs import NoPrompt, TrainedPrompt, key
from transferkit.store import Store
from transferkit.study import Study, from_toml
from transferkit.work import Workshop

HEAD = "sweep = { insert_after = [0, 2], generators = [{ kind = 'max_pool', width = 8 }], generator_rate = 0.001 }"
N_BLOCKS, N_REPORT, N_GRADIENTS = 4, 20, 20


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store]:
    """A filled store, to be read only."""
    folder = tmp_path_factory.mktemp("filled")
    asked = from_toml(write_study(folder, save_tiny(folder / "one"), head=HEAD))
    store = Store(folder / "runs")
    assert fill(asked, store).failed == ()
    return asked, store


def test_a_filled_sweep_holds_what_each_prompt_does(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    specs = asked.influences()
    assert len(specs) == len(list(store.specs("influence"))) == 4
    for spec in specs:
        found = store.get(spec)
        assert isinstance(found, Influence)
        if isinstance(spec.source, NoPrompt):
            assert (found.start, found.by_example, len(found.information)) == (0, {}, N_BLOCKS + 1)
            continue
        (swept,) = [swept for swept in asked.swept_prompts() if key(swept) == spec.source.key]
        assert found.start == swept.recipe.placement.insert_after
        sizes = {name: len(values) for name, values in found.by_example.items()}
        gradients = dict.fromkeys(("sensitivity", "signal", "signal_initial"), N_GRADIENTS)
        names = ("removed", "removed_vocabulary", "swapped", "turned", "changed")
        assert sizes == dict.fromkeys(names, N_REPORT) | gradients
        assert found.by_block["attention"].shape == (N_BLOCKS - found.start, N_REPORT)
    assert not store.verify()
    assert fill(asked, store).n_made == 0


def test_every_prompt_has_its_own_numbers(filled: tuple[Study, Store]) -> None:
    """Those of one prompt measured alone: whoever measures several together may not mix them up."""
    asked, store = filled
    supplies = Workshop(store).supplies
    for spec in asked.influences():
        backbone = supplies.backbone(asked.backbone_names[0], spec.backbone, spec.readout.kind)
        encoded = supplies.encoded(spec.task, "report", backbone, spec, room=0)
        subject = Subject(supplies.entrant(spec.source, backbone, spec.task), supplies.began(spec.source, backbone))
        readout = make_readout(spec.readout, backbone, spec.task)
        (alone,) = measure_influence(readout, encoded, [subject], n_gradients=4, n_folds=5, batch_size=8)
        found = store.get(spec)
        for name, values in alone.by_example.items():
            np.testing.assert_allclose(found.by_example[name][: len(values)], values, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found.information, alone.information, rtol=1e-3, atol=1e-5)


def test_a_prompt_is_compared_with_what_its_training_began_from(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    supplies = Workshop(store).supplies
    plain, late, made = (spec.source for spec in asked.influences()[1:])
    backbone = supplies.backbone(asked.backbone_names[0], asked.models[0].spec, "masked")
    for source, swept in zip((plain, late), asked.swept_prompts(), strict=False):
        assert isinstance(source, TrainedPrompt)
        prompt, began = store.get(swept), supplies.began(source, backbone)
        assert isinstance(prompt, Prompt)
        assert np.array_equal(began.vectors.numpy(), prompt.initial)
        assert not np.array_equal(prompt.vectors, prompt.initial)
        assert began.placement == swept.recipe.placement
    job = supplies.job(asked.swept_prompts()[2], backbone)  # with the weights a training would begin from
    assert torch.equal(supplies.began(made, backbone).generator.weights, job.initial)
    assert supplies.began(NoPrompt(), backbone) is None


def test_influences_are_listed_and_shown(
    filled: tuple[Study, Store], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, store = filled

    def said(*arguments: object) -> str:
        monkeypatch.setattr("sys.argv", ["transferkit", *map(str, arguments), "--store", str(store.root)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return capsys.readouterr().out

    listed = said("ls", "--kind", "influence")
    for spec in asked.influences():
        assert key(spec) in listed
        shown = said("show", key(spec))
        assert shown.startswith(f"influence {key(spec)}\n")
        assert '"kind": "influence"' in shown
        if isinstance(spec.source, TrainedPrompt):
            assert f"made from prompt {spec.source.key} (toy, seed 0)" in shown
    assert key(asked.swept_prompts()[0]) not in listed
