"""Similarities of 128 prompts: closed forms and one matrix product against the published loops over pairs (B8)."""

from benchmarks.harness import Gate, Session, Variant
from benchmarks.peers import su2022_similarity as published
from benchmarks.similarity_jobs import indicator, matches_published
from transferkit.indicators import BASELINES, EMBEDDING, GEOMETRY, VARIANTS

N_PROMPTS, N_FEW = 128, 16
OVERLAP, TOKENS = "neuron_overlap_all", ("euclidean_average", "cosine_average")
TOGETHER = "euclidean_average and cosine_average"
GATE, BOTH = Gate("B8", 500, 1000), Gate("B8", 500, 900)


def run(session: Session) -> None:
    """Measure what has a gate against its loop, then every other indicator alone."""
    n = N_FEW if session.settings.quick else N_PROMPTS
    shape = f"{n} prompts of 100 × 768, neurons of 12 × 3072"
    session.verify(shape, matches_published)
    names = [one.name for one in (*EMBEDDING, *VARIANTS, *GEOMETRY, *BASELINES)]
    variants = [
        Variant(OVERLAP, indicator, {"names": (OVERLAP,), "n_prompts": n}),
        Variant("load both, cosine", published.overlap, {"n_prompts": n}),
        Variant(TOGETHER, indicator, {"names": TOKENS, "n_prompts": n}),
        Variant("loop over pairs of rows", published.similarity, {"names": TOKENS}),
        *(Variant(name, indicator, {"names": (name,), "n_prompts": n}) for name in names),
        *(Variant(f"loop, {name}", published.similarity, {"names": (name,)}) for name in published.OF_PAIR),
    ]
    measured = session.measure(shape, variants)
    unit = f"pairs per {measured.per}"
    overlap, loading = measured.rate(OVERLAP), measured.rate("load both, cosine")
    session.compare(shape, overlap, loading, gate=GATE, unit=unit)
    tokens, loop = measured.rate(TOGETHER), measured.rate("loop over pairs of rows")
    session.compare(shape, tokens, loop, gate=BOTH, unit=unit)
    for name in names:
        peer = measured.rate(f"loop, {name}") if name in published.OF_PAIR else None
        session.compare(shape, measured.rate(name), peer, unit=unit)
