"""The user's settings of pip and uv decide where packages are looked for."""

import pytest

from transferkit.catalogue.distributions import open_client
from transferkit.catalogue.indexes import Indexes, load_indexes, parse_pip_settings
from transferkit.errors import InputError


def test_pip_settings_override_one_another_as_in_pip():
    listing = (
        "global.index-url='https://a/simple'\n:env:.index-url='https://b/simple'\nglobal.extra-index-url='x y'\nnoise"
    )
    assert parse_pip_settings(listing) == {"index-url": "https://b/simple", "extra-index-url": "x y"}


def test_indexes_of_pip_and_uv_are_both_read():
    indexes = load_indexes(
        {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_EXTRA_INDEX_URL": "https://e/simple",
            "PIP_FIND_LINKS": "/wheels",
            "PIP_TRUSTED_HOST": "e",
            "PIP_PROXY": "http://proxy",
            "UV_DEFAULT_INDEX": "main=https://u/simple",
            "UV_INDEX": "mine=https://v/simple https://w/simple?a=b",
            "REQUESTS_CA_BUNDLE": "/bundle.pem",
        }
    )
    assert indexes.default == "https://u/simple"
    assert indexes.extra == ("https://e/simple", "https://v/simple", "https://w/simple?a=b")
    assert (indexes.find_links, indexes.trusted_hosts, indexes.proxy) == (("/wheels",), ("e",), "http://proxy")
    assert indexes.certificate == "/bundle.pem"


def test_no_index_means_none():
    assert not load_indexes({"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1"}).is_default_used


def test_a_missing_certificate_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.pem"), open_client(Indexes(certificate=str(tmp_path / "none.pem"))):
        pass
