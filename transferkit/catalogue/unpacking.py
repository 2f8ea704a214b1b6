"""How the wanted members of an archive reach a folder, and nothing beyond that folder."""

import shutil
import tarfile
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath, PureWindowsPath

from transferkit.catalogue.entry import Join
from transferkit.errors import StoreError


def unpack(archive: Path, folder: Path, only: tuple[str, ...] = ("*",)) -> None:
    """Extract the members that match one of the patterns.

    Raises:
        StoreError: a wanted member would leave the folder, or the archive is damaged.
    """

    def is_wanted(member: str) -> bool:
        return any(fnmatchcase(member, pattern) for pattern in only)

    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                wanted = [name for name in file.namelist() if is_wanted(name)]
                _refuse_escapes(archive, wanted)
                file.extractall(folder, members=wanted)  # noqa: S202 (names checked, bytes pinned)
        else:
            with tarfile.open(archive) as file:
                file.extractall(folder, members=(m for m in file if is_wanted(m.name)), filter="data")
    except tarfile.FilterError as error:
        raise _unsafe(archive, str(error)) from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise StoreError(f"{archive.name} is damaged: {error}", fix="fetch it again") from error


def join_pieces(folder: Path, join: Join) -> None:
    """Concatenate the pieces of a split file, deleting each one, and unpack the whole if it is a zip.

    Raises:
        StoreError: there are no such pieces.
    """
    pieces = sorted(folder.glob(join.pieces), key=lambda path: path.name)
    if not pieces:
        raise StoreError(f"the package holds no {join.pieces}", fix="report this: the catalogue entry is wrong")
    whole = folder / join.into
    pieces[0].rename(whole)
    with whole.open("ab") as target:
        for piece in pieces[1:]:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, target)
            piece.unlink()
    if whole.suffix == ".zip":
        unpack(whole, folder)
        whole.unlink()


def _refuse_escapes(archive: Path, members: list[str]) -> None:
    """Refuse what `zipfile` would quietly rewrite: absolute names and ``..``."""
    for member in members:
        windows = PureWindowsPath(member)
        if windows.drive or windows.root or ".." in windows.parts or PurePosixPath(member).is_absolute():
            raise _unsafe(archive, f"{member!r} lies outside the folder")


def _unsafe(archive: Path, detail: str) -> StoreError:
    return StoreError(
        f"{archive.name} tries to write outside its folder: {detail}", fix="do not use this file; report the package"
    )
