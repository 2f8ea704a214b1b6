"""Shelf. Foreign weight formats → folders that transformers loads; numpy only, the same bytes on every run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from transferkit.catalogue.convert.distilbert import convert_distilbert
from transferkit.catalogue.convert.minilm_l3 import convert_minilm_l3

__all__ = ["CONVERTERS", "Converter"]

Converter = Callable[[Path, Path, Mapping[str, Path]], None]
"""Called with the unpacked files, the empty folder to fill, and the folders of the needed entries."""

CONVERTERS: dict[str, Converter] = {"distilbert": convert_distilbert, "minilm_l3": convert_minilm_l3}
