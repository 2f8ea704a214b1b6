"""Making. Frozen language models as stacks of blocks, one file per family."""

from transferkit.backbones.base import Backbone
from transferkit.backbones.families import FAMILIES, family_of
from transferkit.backbones.family import Family
from transferkit.backbones.stack import Savings
from transferkit.backbones.state import Prefix, State

__all__ = ["FAMILIES", "Backbone", "Family", "Prefix", "Savings", "State", "family_of"]
