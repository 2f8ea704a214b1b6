import pytest
from explaining.synthetic import SyntheticStudy, fill

from transferkit.results import Results


@pytest.fixture(scope="session")
def study():
    return SyntheticStudy()


@pytest.fixture(scope="session")
def results(study, tmp_path_factory):
    return Results(study, fill(study, tmp_path_factory.mktemp("synthetic")), n_resamples=400)
