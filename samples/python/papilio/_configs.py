"""Adapters in PEFT's words: configurations by keyword, with its fields and defaults, and get_peft_model."""

import json
import warnings

from papilio import _core, _pickles

PEFT_VERSION = "0.21.0"  # whose meaning the fields have


def _config(name, peft_type, fields):
    fields = {key: sorted(value) if isinstance(value, set) else value for key, value in fields.items()}
    text = json.dumps({**fields, "peft_type": peft_type, "peft_version": PEFT_VERSION})
    try:
        config, unknown = _core._adapter_config(text)
    except _core.FileError as error:  # the message of a file, of which there is none here
        raise _core.ArgumentError(str(error).removeprefix("config: ")) from None
    if unknown:
        said = unknown[0].removeprefix("config: ").removesuffix(" is ignored")
        raise _core.ArgumentError(f"{name}: {said}")
    return config


def get_peft_model(model, config, adapter_name="default") -> _core.AdapterModel:
    """An AdapterModel of the model, with an adapter that acts and trains; all else is frozen, as by PEFT's function of
    this name. What there is to warn of becomes Python's warnings; what cannot be attached leaves the model as it was."""
    trained = _pickles.trainable(model)
    adapters = _core.AdapterModel(model)
    try:
        said = adapters.add_adapter(adapter_name, config)
    except Exception:
        _pickles.set_trainable(model, trained)
        raise
    for line in said:
        warnings.warn(line, stacklevel=2)
    return adapters


def BoftConfig(**fields) -> _core.AdapterConfig:
    """PEFT's BOFTConfig: boft_block_size=4, boft_block_num=0, boft_n_butterfly_factor=1, boft_dropout=0.0, bias="none",
    target_modules, exclude_modules, modules_to_save, layers_to_transform, layers_pattern, init_weights=True, ..."""
    return _config("BoftConfig", "BOFT", fields)


def OftConfig(**fields) -> _core.AdapterConfig:
    """PEFT's OFTConfig: r=0, oft_block_size=32, module_dropout=0.0, coft=False, eps=6e-5, block_share=False,
    use_cayley_neumann=True, num_cayley_neumann_terms=5, ..."""
    if fields.get("r") and "oft_block_size" not in fields:
        fields = {**fields, "oft_block_size": 0}
    return _config("OftConfig", "OFT", {"oft_block_size": 32, "use_cayley_neumann": True, **fields})


def LoraConfig(**fields) -> _core.AdapterConfig:
    """PEFT's LoraConfig: r=8, lora_alpha=8, lora_dropout=0.0, use_rslora=False, ..."""
    return _config("LoraConfig", "LORA", fields)


def HraConfig(**fields) -> _core.AdapterConfig:
    """PEFT's HRAConfig: r=8, apply_GS=False, ..."""
    return _config("HraConfig", "HRA", fields)
