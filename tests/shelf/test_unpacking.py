"""Archives may be hostile: no member leaves the folder."""

import io
import tarfile
import zipfile

import pytest

from transferkit.catalogue.unpacking import unpack
from transferkit.errors import StoreError


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"])
def test_a_zip_may_not_leave_its_folder(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.whl", "w") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(StoreError, match="outside"):
        unpack(tmp_path / "bad.whl", tmp_path / "inside")
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE])
def test_a_tar_may_not_leave_its_folder(kind, tmp_path):
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as archive:
        record = tarfile.TarInfo("../evil.txt" if kind == tarfile.REGTYPE else "link")
        record.type, record.linkname = kind, "../../evil.txt"
        archive.addfile(record, io.BytesIO())
    with pytest.raises(StoreError, match="outside"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "inside")
    assert not list(tmp_path.rglob("evil*"))


def test_a_damaged_archive_is_an_error(tmp_path):
    (tmp_path / "bad.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(StoreError, match="damaged"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "inside")
