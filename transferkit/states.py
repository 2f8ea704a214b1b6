"""Making. Rows of frozen lower blocks, kept on disk: what one pass over a split leaves for all that come after it.

Below the block in front of which a late prompt joins, rows depend on the text alone. One pass serves every epoch,
seed, prompt and cell, and the pass to a deeper block goes on from a shallower one. Rows of real tokens only are kept,
flat and memory-mapped, under a name made of all that may change them: backbone, arithmetic, depth and tokens. Kept in
the backbone's own arithmetic, they change results by rounding at most, because batches are cut otherwise.
"""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.errors import StoreError
from transferkit.passes import Room
from transferkit.shapes import IntArray
from transferkit.specs import RECIPE_VERSION, canonical
from transferkit.store import Store

LOG = logging.getLogger("transferkit")
GIGABYTES = 8.0  # they may take, unless somebody says otherwise
BATCH = 32  # examples per pass
ROWS, FACTS = "rows.bin", "states.json"
KEPT_AS = {torch.float32: np.dtype("<f4"), torch.bfloat16: np.dtype("<i2")}  # numpy has no bfloat16: bits, then


@dataclass(frozen=True)
class States:
    """Rows of a split's texts in front of a block.

    Attributes:
        path: file of the rows [N,d] of all real tokens, one text after the other.
        depth: blocks that have run.
        starts: where each text begins among them, and where the last one ends [n+1].
        width: of a row.
        dtype: arithmetic they are kept in.
    """

    path: Path
    depth: int
    starts: IntArray
    width: int
    dtype: torch.dtype

    def open(self) -> None:
        """Map the file, so that the rows stay readable even if somebody removes it."""
        _ = self._rows

    @cached_property
    def _rows(self) -> np.ndarray:
        return np.memmap(self.path, KEPT_AS[self.dtype], "r", shape=(int(self.starts[-1]), self.width))

    def read(self, index: IntArray) -> Float[Tensor, "B T d"]:
        """Return the rows of the texts of these numbers, zeros behind shorter ones."""
        lengths = self.starts[index + 1] - self.starts[index]
        found = np.zeros((len(index), int(lengths.max()), self.width), dtype=self._rows.dtype)
        for place, (i, length) in enumerate(zip(index, lengths, strict=True)):
            found[place, :length] = self._rows[self.starts[i] : self.starts[i + 1]]
        rows = torch.from_numpy(found)
        return rows if self.dtype == torch.float32 else rows.view(self.dtype)


class StatesShelf:
    """The states of a store: a cache, safe to delete.

    Args:
        store: where they lie, under `states/`.
        room: how many examples fit through a backbone at once.
        gigabytes: disk space they may take, never more than half of what is free; 0 keeps none.
    """

    def __init__(self, store: Store, room: Room | None = None, gigabytes: float | None = None) -> None:
        self.store = store
        self.room = room or Room()
        self.limit = int(1e9 * (GIGABYTES if gigabytes is None else gigabytes))
        self._refused: set[str] = set()
        self._known: set[Path] = set()

    def with_states(
        self, encoded: Encoded, backbone: Backbone, depth: int, *, dtype: torch.dtype | None = None
    ) -> Encoded:
        """Return a split whose batches bring along their rows in front of a block, computed unless they are kept.

        It is the split as it was where nothing can be kept: in front of block 0, in a decoder, or beyond the limit.

        Args:
            encoded: the split.
            backbone: the frozen model.
            depth: blocks that have run.
            dtype: arithmetic to keep them in; the backbone's by default.
        """
        in_decoder = backbone.kind == "encoder-decoder" and depth >= backbone.stack.n_encoder
        if depth == 0 or in_decoder or self.limit == 0:
            return encoded
        kept_as: torch.dtype = dtype or backbone.base.dtype
        wanted = self._states(encoded, backbone, depth, kept_as)
        if not self._is_sound(wanted):
            if not self._may_add(wanted, f"{backbone.spec.name}, {len(encoded)} texts in front of block {depth}"):
                return encoded
            self.room.fit(BATCH, lambda size: self._fill(wanted, encoded, backbone, size))
        wanted.open()
        return dataclasses.replace(encoded, stored=wanted)

    def _states(self, encoded: Encoded, backbone: Backbone, depth: int, dtype: torch.dtype) -> States:
        starts = np.concatenate([[0], encoded.lengths.cumsum()]).astype(np.int64)
        name = _name(encoded, backbone, depth, dtype)
        return States(self.store.root / "states" / name / ROWS, depth, starts, backbone.width, dtype)

    def _is_sound(self, wanted: States) -> bool:
        """Tell whether rows are there as they were written; what is damaged is removed. Each is looked at once."""
        folder = wanted.path.parent
        if not folder.exists():
            return False
        if wanted.path in self._known and wanted.path.is_file():
            return True
        try:
            with wanted.path.open("rb") as file:
                is_sound = hashlib.file_digest(file, "sha256").hexdigest() == _facts(folder)["sha256"]
        except (OSError, ValueError, KeyError):
            is_sound = False
        if not is_sound:
            LOG.warning("%s is damaged: computing it again", folder)
            shutil.rmtree(folder, ignore_errors=True)
            return False
        self._known.add(wanted.path)
        return True

    def _may_add(self, wanted: States, what: str) -> bool:
        n_bytes = int(wanted.starts[-1]) * wanted.width * KEPT_AS[wanted.dtype].itemsize
        taken = sum(path.stat().st_size for path in (self.store.root / "states").glob(f"*/{ROWS}"))
        self.store.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.store.root).free
        if taken + n_bytes <= self.limit and n_bytes <= free // 2:
            return True
        if what not in self._refused:
            self._refused.add(what)
            LOG.warning(
                "rows of lower blocks are computed anew each time (%s): they would take %.2f GB beside %.2f GB of a"
                " limit of %.2f GB, with %.1f GB free; remove %s or raise --states-gb",
                what,
                n_bytes / 1e9,
                taken / 1e9,
                self.limit / 1e9,
                free / 1e9,
                self.store.root / "states",
            )
        return False

    @torch.no_grad()
    def _fill(self, wanted: States, encoded: Encoded, backbone: Backbone, batch_size: int) -> None:
        shallower = next(self._shallower(wanted, encoded, backbone), None)
        source = dataclasses.replace(encoded, stored=shallower)
        row_bytes = wanted.width * KEPT_AS[wanted.dtype].itemsize
        final = wanted.path.parent
        try:
            with self.store.temporary() as folder:
                with (folder / ROWS).open("wb") as file:
                    for batch in source.in_order(batch_size):
                        state = backbone.below(batch.to(backbone.device), wanted.depth)
                        hidden = state.hidden.to(wanted.dtype).cpu()
                        for rows, i in zip(hidden, batch.index.tolist(), strict=True):
                            own = rows[: int(encoded.lengths[i])].contiguous()
                            file.seek(int(wanted.starts[i]) * row_bytes)
                            file.write(own.view(torch.uint8).numpy().tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                with (folder / ROWS).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                facts: dict[str, object] = {"sha256": digest}
                facts |= {"backbone": backbone.spec.name, "depth": wanted.depth, "dtype": str(wanted.dtype)}
                facts |= {"texts": len(encoded), "rows": int(wanted.starts[-1]), "width": wanted.width}
                (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
                final.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(final)
                self._known.add(wanted.path)
        except OSError as error:
            if self._is_sound(wanted):  # another process was first
                return
            raise StoreError(
                f"{final}: cannot be written ({error})", fix="free disk space, or set --states-gb 0"
            ) from error

    def _shallower(self, wanted: States, encoded: Encoded, backbone: Backbone) -> Iterator[States]:
        """Yield what is kept of the same texts in front of earlier blocks, in the backbone's own arithmetic."""
        for depth in range(wanted.depth - 1, 0, -1):
            states = self._states(encoded, backbone, depth, backbone.base.dtype)
            if self._is_sound(states):
                yield states


def _facts(folder: Path) -> dict[str, object]:
    return json.loads((folder / FACTS).read_text())


def _name(encoded: Encoded, backbone: Backbone, depth: int, dtype: torch.dtype) -> str:
    part = backbone.spec.partial  # which is whole up to some block
    spec = backbone.spec.whole if part is not None and depth <= part.above else backbone.spec
    about = json.dumps([RECIPE_VERSION, canonical(spec), depth, str(dtype), encoded.digest], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:16]
