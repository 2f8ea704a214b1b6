"""All entries of the catalogue, by name."""

from transferkit.catalogue.archives import ARCHIVES
from transferkit.catalogue.backbones import BACKBONES
from transferkit.catalogue.entry import Distribution, Entry, Join, Kind, Package, megabytes

__all__ = ["ENTRIES", "Distribution", "Entry", "Join", "Kind", "Package", "megabytes"]

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in (*BACKBONES, *ARCHIVES)}
