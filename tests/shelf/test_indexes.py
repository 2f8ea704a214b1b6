"""The user's settings of pip and uv decide where packages are looked for."""

import http.server
import threading

import pytest

from transferkit.catalogue.distributions import download, open_client
from transferkit.catalogue.entries import Distribution
from transferkit.catalogue.indexes import Indexes, load_indexes, parse_pip_settings
from transferkit.errors import InputError, StoreError


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


class _Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_) -> None:
        pass


def test_an_index_that_answers_with_an_error_is_named_without_its_password(tmp_path, monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Broken) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        indexes = Indexes(default=f"http://me:secret@127.0.0.1:{server.server_port}/simple")
        pinned = Distribution("tiny==1.0", "wheel", "0" * 64)
        with pytest.raises(StoreError, match="503") as caught, open_client(indexes) as client:
            download(pinned, tmp_path, indexes=indexes, client=client, report=lambda done, total: None)
        server.shutdown()
    assert "secret" not in str(caught.value)
