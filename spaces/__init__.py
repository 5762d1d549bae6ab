"""What may be built: a language of search spaces, and families of models over it."""

import os

from spaces.catalog import FAMILIES
from spaces.family import Family, Fitted, Fold, Model, Rows, family
from spaces.leaves import Choice, Float, Int
from spaces.narrow import narrow
from spaces.signature import Input, Signature, Target
from spaces.space import configure, defaults, digest, flatten, sample, suggest

# TensorFlow writes pages about CPU instructions and missing GPUs to standard error; it reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = [
    "FAMILIES",
    "Choice",
    "Family",
    "Fitted",
    "Float",
    "Fold",
    "Input",
    "Int",
    "Model",
    "Rows",
    "Signature",
    "Target",
    "configure",
    "defaults",
    "digest",
    "family",
    "flatten",
    "narrow",
    "sample",
    "suggest",
]
