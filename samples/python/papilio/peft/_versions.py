"""Which of PEFT's functions these layers stand in for: by their source text, whatever release they are in."""

import hashlib
import inspect

import peft
from peft.tuners import boft, lora, oft
from peft.tuners.tuners_utils import BaseTunerLayer

import papilio

FUNCTIONS = [
    boft.layer.Linear.forward,
    boft.layer.Linear.get_delta_weight,
    boft.layer.Conv2d.forward,
    boft.layer.Conv2d.get_delta_weight,
    boft.layer.BOFTLayer.cayley_batch,
    boft.layer.BOFTLayer.block_butterfly_perm,
    boft.layer.MultiplicativeDropoutLayer.forward,
    oft.layer.Linear.forward,
    oft.layer.Conv2d.forward,
    oft.layer.OFTRotationModule.forward,
    oft.layer.OFTRotationModule._unfold,
    oft.layer.OFTRotationModule._fold,
    oft.layer.OFTRotationModule._cayley_batch,
    oft.layer.OFTRotationModule._pytorch_skew_symmetric,
    lora.layer.Linear.forward,
    BaseTunerLayer._cast_input_dtype,
]
# Of each function the first digits of its SHA-256, in the releases that the tests compare with.
TESTED = {
    "0.21": {
        "peft.tuners.boft.layer.Linear.forward": "f506c74bba4e397f",
        "peft.tuners.boft.layer.Linear.get_delta_weight": "748a027fbf319dfd",
        "peft.tuners.boft.layer.Conv2d.forward": "a30f785a476cf4c4",
        "peft.tuners.boft.layer.Conv2d.get_delta_weight": "317ddfdd151e4639",
        "peft.tuners.boft.layer.BOFTLayer.cayley_batch": "0901125af77910c6",
        "peft.tuners.boft.layer.BOFTLayer.block_butterfly_perm": "e88402133836683b",
        "peft.tuners.boft.layer.MultiplicativeDropoutLayer.forward": "1677a94424f2cf78",
        "peft.tuners.oft.layer.Linear.forward": "9ac4432a852bdcdd",
        "peft.tuners.oft.layer.Conv2d.forward": "ec3f075c1715d7d1",
        "peft.tuners.oft.layer.OFTRotationModule.forward": "a1aed5026e16dd45",
        "peft.tuners.oft.layer.OFTRotationModule._unfold": "a4afca89caf1b806",
        "peft.tuners.oft.layer.OFTRotationModule._fold": "fbfb5b96306672f9",
        "peft.tuners.oft.layer.OFTRotationModule._cayley_batch": "13e05f99edad8678",
        "peft.tuners.oft.layer.OFTRotationModule._pytorch_skew_symmetric": "9e2aa9adf1c3656e",
        "peft.tuners.lora.layer.Linear.forward": "ec0a80f5c5ce05f5",
        "peft.tuners.tuners_utils.BaseTunerLayer._cast_input_dtype": "244f7bafd64414e7",
    },
}


def digest(function):
    text = inspect.getsource(function)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check():
    """Raises papilio.Error if this PEFT's functions are those of no tested release."""
    found = {f"{f.__module__}.{f.__qualname__}": digest(f) for f in FUNCTIONS}
    if found in TESTED.values():
        return
    newest = max(TESTED)
    changed = sorted(name for name, value in found.items() if value != TESTED[newest].get(name))
    raise papilio.Error(
        f"papilio.peft: PEFT {peft.__version__} is not one whose layers this Papilio {papilio.__version__} knows "
        f"({', '.join(TESTED)}); changed since {newest}: {', '.join(changed)}")
