"""What may be built: a language of search spaces, and families of models over it."""

import os
import warnings

from spaces.engines.contract import Fitted, Fold, Model
from spaces.engines.engine import Engine
from spaces.engines.own_loop import Training, own_engine
from spaces.families.catalog import FAMILIES
from spaces.families.family import Family
from spaces.families.own import family
from spaces.inputs.kind import InputKind
from spaces.language.leaves import Choice, Float, Int
from spaces.language.narrow import narrow
from spaces.language.space import configure, defaults, digest, flatten, sample, suggest
from spaces.machine.quiet import import_quietly
from spaces.rows.signature import Input, Signature
from spaces.rows.table import Rows
from spaces.rows.target import Target

# TensorFlow writes pages about CPU instructions and missing GPUs to standard error; it reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import_quietly("tensorflow")
# Optuna imports tqdm, whose bars nobody here uses, and which complains in notebooks.
warnings.filterwarnings("ignore", "IProgress not found")

__all__ = [
    "FAMILIES",
    "Choice",
    "Engine",
    "Family",
    "Fitted",
    "Float",
    "Fold",
    "Input",
    "InputKind",
    "Int",
    "Model",
    "Rows",
    "Signature",
    "Target",
    "Training",
    "configure",
    "defaults",
    "digest",
    "family",
    "flatten",
    "narrow",
    "own_engine",
    "sample",
    "suggest",
]
