"""Making. Frozen language models as stacks of blocks, one file per family."""

from transferkit.backbones.base import Backbone
from transferkit.backbones.bert import BERT, ROBERTA
from transferkit.backbones.distilbert import DISTILBERT
from transferkit.backbones.families import FAMILIES, family_of
from transferkit.backbones.family import Family
from transferkit.backbones.mpnet import MPNET
from transferkit.backbones.state import State

__all__ = ["BERT", "DISTILBERT", "FAMILIES", "MPNET", "ROBERTA", "Backbone", "Family", "State", "family_of"]
