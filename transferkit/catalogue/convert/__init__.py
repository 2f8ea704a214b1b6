"""Shelf. Foreign weight formats → folders that transformers loads; numpy only, the same bytes on every run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from transferkit.catalogue.convert.distilbert import convert_distilbert
from transferkit.catalogue.convert.flan_t5 import convert_flan_t5
from transferkit.catalogue.convert.gemma3 import convert_gemma3
from transferkit.catalogue.convert.llama import convert_llama
from transferkit.catalogue.convert.minilm_l3 import convert_minilm_l3

__all__ = ["CONVERTERS", "Converter"]

Converter = Callable[[Path, Path, Mapping[str, Path]], None]
"""Called with the unpacked files, the empty folder to fill, and the folders of the needed entries."""

CONVERTERS: dict[str, Converter] = {
    "distilbert": convert_distilbert,
    "flan_t5": convert_flan_t5,
    "gemma3": convert_gemma3,
    "llama": convert_llama,
    "minilm_l3": convert_minilm_l3,
}
