"""Fetching from a local index of tiny packages: whole or not at all, only pinned bytes, nothing outside the folder."""

import functools
import hashlib
import http.server
import io
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from transferkit import catalogue
from transferkit.catalogue.entries import ENTRIES, Distribution, Entry, Join, Package
from transferkit.catalogue.indexes import Indexes
from transferkit.catalogue.placing import sha256_of
from transferkit.errors import InputError, StoreError

fetching = sys.modules["transferkit.catalogue.fetch"]  # the package's attribute of that name is the function
MEMBERS = {"tiny/data/a.txt": b"alpha", "tiny/data/b.txt": b"beta", "tiny/LICENSE": b"free", "tiny/code.py": b"raise"}


def make_wheel(folder: Path, name: str = "tiny", members: dict[str, bytes] = MEMBERS) -> Distribution:
    path = folder / f"{name}-1.0-cp27-cp27m-win32.whl"  # neither this Python nor this platform: only an archive
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return Distribution(f"{name}==1.0", "wheel", sha256_of(path))


def make_sdist(folder: Path, name: str = "tiny") -> Distribution:
    path = folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, content in {**MEMBERS, "setup.py": b"raise SystemExit('setup code was run')"}.items():
            record = tarfile.TarInfo(f"{name}-1.0/{member}")
            record.size = len(content)
            archive.addfile(record, io.BytesIO(content))
    return Distribution(f"{name}==1.0", "sdist", sha256_of(path))


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder that is the only package index."""
    folder = tmp_path / "shop"
    folder.mkdir()
    indexes = Indexes(is_default_used=False, find_links=(folder.as_uri(),))
    monkeypatch.setattr(fetching, "load_indexes", lambda: indexes)
    return folder


@pytest.fixture
def offer(monkeypatch):
    """Put an entry called tiny into the catalogue."""

    def put(*distributions: Distribution, root: str = "tiny/data", name: str = "tiny", **fields) -> Entry:
        entry = Entry(
            name=name,
            kind="corpus_archive",
            distributions=distributions,
            root=root,
            licence="none",
            size_bytes=100,
            note="",
            **fields,
        )
        monkeypatch.setitem(ENTRIES, name, entry)
        return entry

    return put


def test_a_wheel_becomes_a_folder_with_its_manifest(shop, offer, tmp_path):
    offer(make_wheel(shop))
    seen = []
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache", report=seen.append)
    assert (folder / "a.txt").read_bytes() == b"alpha"
    assert (folder / "licences/tiny/LICENSE").is_file()
    assert not list(folder.rglob("*.py"))
    assert [step.stage for step in seen] == ["unpack", "ready"]
    assert catalogue.is_ready("tiny", tmp_path / "cache")
    catalogue.verify("tiny", tmp_path / "cache")


def test_a_source_distribution_is_read_without_its_setup(shop, offer, tmp_path):
    make_wheel(shop)  # same name and version: the kind decides
    offer(make_sdist(shop), root="tiny-1.0/tiny/data", only=("*/data/*",))
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt", "manifest.json"]


def test_only_named_files_are_kept(shop, offer, tmp_path):
    offer(make_wheel(shop), files={"b.txt": hashlib.sha256(b"beta").hexdigest()})
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert (folder / "b.txt").is_file()
    assert not (folder / "a.txt").exists()


def test_a_split_zip_is_joined(shop, offer, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/weights", b"0123456789" * 100)
    whole = buffer.getvalue()
    parts = [
        make_wheel(shop, f"part{i}", {f"p{i}/z.{i}": whole[i * 99 : (i + 1) * 99 if i < 2 else None]}) for i in range(3)
    ]
    offer(*parts, root="model", join=Join("p*/z.*", "whole.zip"))
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert (folder / "weights").read_bytes() == b"0123456789" * 100


def test_what_is_there_is_left_alone(shop, offer, tmp_path):
    offer(make_wheel(shop))
    catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    for path in shop.iterdir():
        path.unlink()
    seen = []
    catalogue.fetch(["tiny"], cache=tmp_path / "cache", report=seen.append)
    assert seen == []


def test_the_users_own_file_survives(shop, offer, tmp_path):
    offer(make_wheel(shop))
    catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert len(list(shop.glob("*.whl"))) == 1


def test_another_sha256_is_refused_and_leaves_nothing(shop, offer, tmp_path):
    made = make_wheel(shop)
    offer(Distribution(made.requirement, made.kind, "0" * 64))
    with pytest.raises(StoreError, match="another sha256"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


def test_inner_files_are_checked_too(shop, offer, tmp_path):
    offer(make_wheel(shop), files={"a.txt": "0" * 64})
    with pytest.raises(StoreError, match=r"a\.txt has sha256"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


def test_a_vanished_package_says_so(shop, offer, tmp_path):
    offer(Distribution("gone==1.0", "wheel", "0" * 64))
    with pytest.raises(StoreError, match=r"gone==1\.0 is not offered"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")


def test_mirrors_are_tried_in_order(shop, offer, tmp_path):
    second = make_wheel(shop, "second", {"elsewhere/a.txt": b"alpha"})
    gone, wrong = Distribution("gone==1.0", "wheel", "0" * 64), Package((make_wheel(shop, "wrong"),), "no-such-folder")
    files = {"a.txt": hashlib.sha256(b"alpha").hexdigest()}
    offer(gone, files=files, mirrors=(wrong, Package((second,), "elsewhere")))
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert (folder / "a.txt").read_bytes() == b"alpha"


def test_all_mirrors_failing_names_them_all(shop, offer, tmp_path):
    gone = [Distribution(f"gone{i}==1.0", "wheel", "0" * 64) for i in range(2)]
    offer(gone[0], mirrors=(Package((gone[1],), "x"),))
    with pytest.raises(StoreError, match=r"(?s)gone0==1\.0.*gone1==1\.0"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")


def test_terms_are_accepted_by_name_or_nothing_is_downloaded(shop, offer, tmp_path):
    offer(make_wheel(shop), terms="the Tiny Terms (https://example.com/terms)")
    with pytest.raises(InputError, match=r"tiny comes under the Tiny Terms .*nothing was downloaded") as caught:
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert "--accept tiny (in Python: accept=['tiny'])" in caught.value.fix
    assert not (tmp_path / "cache").exists()
    for accept in (["minilm-l6"], "tiny"):  # another name; letters instead of names
        with pytest.raises(InputError):
            catalogue.fetch(["tiny"], cache=tmp_path / "cache", accept=accept)
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache", accept=["tiny"])
    assert (folder / "a.txt").is_file()
    assert catalogue.fetch(["tiny"], cache=tmp_path / "cache") == [folder]  # asked once, for the download


def test_accepting_what_there_is_not_names_the_nearest():
    with pytest.raises(InputError, match="gemma3-270m"):
        catalogue.unaccepted(["gemma3-270m"], ["gemma-3-270m"])
    assert catalogue.unaccepted(["minilm-l6", "gemma3-270m"]) == ["gemma3-270m"]
    assert catalogue.unaccepted(["minilm-l6", "gemma3-270m"], ["gemma3-270m"]) == []


def test_notices_and_terms_are_kept(shop, offer, tmp_path):
    offer(make_wheel(shop, members={**MEMBERS, "tiny/NOTICE.md": b"from", "tiny/docs/TINY_TERMS.html": b"may"}))
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert sorted(path.name for path in folder.rglob("licences/**/*") if path.is_file()) == [
        "LICENSE",
        "NOTICE.md",
        "TINY_TERMS.html",
    ]


def test_a_killed_fetch_leaves_nothing_and_the_next_one_cleans_up(shop, offer, tmp_path):
    entry = offer(make_wheel(shop))
    program = f"""
import os, signal, sys
from transferkit import catalogue
from transferkit.catalogue.entries import ENTRIES, Distribution, Entry
from transferkit.catalogue.indexes import Indexes
sys.modules["transferkit.catalogue.fetch"].load_indexes = lambda: Indexes(
    is_default_used=False, find_links=({shop.as_uri()!r},))
ENTRIES["tiny"] = {entry!r}
catalogue.fetch(["tiny"], cache={str(tmp_path / "cache")!r}, report=lambda step: os.kill(os.getpid(), signal.SIGKILL))
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "cache/tiny").exists()
    assert leftovers(tmp_path / "cache") != []
    catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["partial", "tiny"]
    assert leftovers(tmp_path / "cache") == []


def test_a_full_disk_is_said_before_the_download(shop, offer, tmp_path, monkeypatch):
    offer(make_wheel(shop))
    monkeypatch.setattr(fetching, "SPACE_FACTOR", 1e18)
    with pytest.raises(StoreError, match="free"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")


def test_altered_files_are_noticed(shop, offer, tmp_path):
    offer(make_wheel(shop))
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path)
    (folder / "a.txt").write_bytes(b"omega")
    with pytest.raises(StoreError, match=r"a\.txt"):
        catalogue.verify("tiny", tmp_path)


def test_an_entry_of_another_revision_is_replaced(shop, offer, tmp_path):
    offer(make_wheel(shop))
    catalogue.fetch(["tiny"], cache=tmp_path)
    offer(make_wheel(shop, members={"tiny/data/a.txt": b"newer"}))
    assert catalogue.missing(["tiny"], tmp_path) == ["tiny"]
    (folder,) = catalogue.fetch(["tiny"], cache=tmp_path)
    assert (folder / "a.txt").read_bytes() == b"newer"


def test_a_missing_entry_names_the_command(tmp_path):
    with pytest.raises(InputError) as caught:
        catalogue.folder("minilm-l6", tmp_path)
    assert caught.value.fix == f"transferkit fetch minilm-l6 --cache {tmp_path}"


def test_an_unknown_entry_names_the_nearest():
    with pytest.raises(InputError, match="minilm-l6"):
        catalogue.find("minilm-16")


def test_missing_lists_what_is_needed_first(tmp_path):
    assert catalogue.missing(["minilm-l3"], tmp_path) == ["minilm-l6", "minilm-l3"]


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def simple_index(tmp_path, monkeypatch):
    """A package index over HTTP on this machine; yields its folder and address."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "simple"
    (folder / "tiny").mkdir(parents=True)
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_index_page_is_followed_and_progress_reported(simple_index, offer, tmp_path, monkeypatch):
    folder, address = simple_index
    made = make_wheel(folder / "tiny", members={"tiny/data/a.txt": bytes(100_000)})
    monkeypatch.setattr(fetching, "load_indexes", lambda: Indexes(default=address))
    offer(made)
    seen = []
    catalogue.fetch(["tiny"], cache=tmp_path / "cache", report=seen.append)
    downloads = [step for step in seen if step.stage == "download"]
    assert downloads[-1].done_bytes == downloads[-1].total_bytes > 100_000
    assert downloads[-1].file == "tiny==1.0"


def test_an_index_that_cannot_be_reached_does_not_hide_another(simple_index, offer, tmp_path, monkeypatch):
    folder, address = simple_index
    offer(make_wheel(folder / "tiny"))
    dead = "http://127.0.0.1:9"
    monkeypatch.setattr(fetching, "load_indexes", lambda: Indexes(default=dead))
    with pytest.raises(StoreError, match="cannot be downloaded"):
        catalogue.fetch(["tiny"], cache=tmp_path / "cache")
    monkeypatch.setattr(fetching, "load_indexes", lambda: Indexes(default=dead, extra=(address,)))
    assert catalogue.fetch(["tiny"], cache=tmp_path / "cache")


def test_passwords_of_an_index_are_not_shown(offer, tmp_path, monkeypatch):
    offer(Distribution("tiny==1.0", "wheel", "0" * 64))
    monkeypatch.setattr(fetching, "load_indexes", lambda: Indexes(default="http://me:secret@127.0.0.1:9/simple"))
    with pytest.raises(StoreError) as caught:
        catalogue.fetch(["tiny"], cache=tmp_path)
    assert "secret" not in str(caught.value)


def test_every_entry_is_complete():
    for name, entry in ENTRIES.items():
        assert entry.name == name
        assert all(
            len(distribution.sha256) == 64 for package in entry.packages for distribution in package.distributions
        )
        assert all(
            "==" in distribution.requirement for package in entry.packages for distribution in package.distributions
        )
        assert entry.licence
        assert set(entry.needs) <= set(ENTRIES)
        if entry.kind == "backbone":
            assert entry.hub_id
            assert entry.readout
            assert entry.weights_sha256
            assert entry.converter or entry.files["model.safetensors"] == entry.weights_sha256


def leftovers(cache: Path) -> list[Path]:
    return [path for path in (cache / "partial").iterdir() if path.is_dir()]
