"""PEFT's own BOFT, OFT and LoRA layers on PyTorch, computed by Papilio.

    model = peft.get_peft_model(base, peft.BOFTConfig(boft_n_butterfly_factor=2, ...))
    papilio.peft.accelerate(model)

PyTorch and PEFT are imported when a function is called, not before.
"""

__all__ = ["Accelerated", "accelerate", "enable_butterfly_factors", "restore"]


class Accelerated:
    """What accelerate did: names of `layers` that Papilio computes, and of those `left` with why."""

    def __init__(self, layers: list[str], left: dict[str, str], factors: list[str]):
        self.layers, self.left, self.factors = layers, left, factors

    def __repr__(self):
        parts = [f"{len(self.layers)} layers computed by Papilio"]
        if self.left:
            name, why = next(iter(self.left.items()))
            parts.append(f"{len(self.left)} left to PEFT ({name}: {why})")
        if self.factors:
            parts.append(f"{len(self.factors)} with the butterfly factors that PEFT had left out")
        return "; ".join(parts)


def accelerate(model) -> Accelerated:
    """Lets Papilio compute the model's BOFT, OFT and LoRA layers of linear layers, and BOFT's and
    OFT's convolutions.

    The functions and their gradients are PEFT's, to rounding; parameters, state dict, merging and
    saving stay as they are. On a GPU this takes a Papilio built with CUDA; the work is ordered on
    PyTorch's current stream. In float16, torch.autocast's too, Papilio turns and PyTorch multiplies.
    Whatever Papilio does not compute goes through PEFT's code as before: so do LoRA in float16, which
    has nothing to turn, and on the CPU OFT and LoRA in bfloat16 where papilio.products() is
    "openblas", which would be slower. Devices are looked at when
    accelerate is called: a layer on one where Papilio does not compute is left to PEFT, and after a
    move elsewhere takes another call. A layer on "meta", which is yet to be moved, is not left.

    BOFT with boft_n_butterfly_factor > 1: PEFT makes one factor without its CUDA extension; here the
    missing ones are added, as identities, so the function stays the same. Their parameters are new:
    make optimizers afterwards.

    In place the output of an adapted layer may not be changed between forward and backward (PyTorch
    says so then).

    Returns an Accelerated. Raises papilio.Error for a PEFT whose layers this Papilio does not know,
    papilio.ArgumentError for a model without adapters.
    """
    from papilio.peft import _switch

    return _switch.accelerate(model)


def restore(model) -> list[str]:
    """Undoes accelerate: from now on PEFT's own code computes. Butterfly factors stay.

    Returns the names of the layers."""
    from papilio.peft import _switch

    return _switch.restore(model)


def enable_butterfly_factors() -> None:
    """Lets PEFT make, load and merge BOFT with more than one factor without its CUDA extension.

    Call it before get_peft_model or PeftModel.from_pretrained if a file has several factors. For
    this process, and PEFT's own slow code; accelerate makes it fast."""
    from papilio.peft import _butterfly

    _butterfly.enable()
