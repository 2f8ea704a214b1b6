import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators import CosineConcat, NormProxy, norm_matched


def test_a_null_prompt_keeps_norms_and_forgets_directions():
    draw = np.random.default_rng(7)
    vectors = (draw.normal(size=(20, 64)) * draw.uniform(0, 50, size=(20, 1))).astype(np.float32)
    vectors[3] = 0.0
    prompt = Prompt(vectors, vectors, np.arange(20) > 0, early=vectors)
    nulls = [norm_matched(prompt, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    for null in nulls:
        np.testing.assert_allclose(np.linalg.norm(null.vectors, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-6)
        assert null.vectors.dtype == np.float32
        assert null.initial is None
        assert null.early is None
        assert null.live is prompt.live
    np.testing.assert_array_equal(nulls[0].vectors, nulls[1].vectors)
    np.testing.assert_allclose(NormProxy()([prompt], nulls), NormProxy()([prompt], [prompt] * 3), rtol=1e-6)
    assert (np.abs(CosineConcat()([prompt], nulls)) < 0.15).all()
    assert abs(CosineConcat()(nulls[:1], nulls[2:])[0, 0]) < 0.15
