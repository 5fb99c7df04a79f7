"""The grid: what is adapted, how, in groups that make one row of the table each."""

from dataclasses import dataclass

import transformers
from peft import BOFTConfig, HRAConfig, LoraConfig, OFTConfig

RENAMED = int(transformers.__version__.split(".")[0]) >= 5  # Transformers 5 has other names for some modules


@dataclass
class Case:
    group: str
    adapters: dict  # name -> (configuration class, arguments), in the order of activation
    extension: bool = True  # as if PEFT's CUDA extension were there
    merged_only: bool = False  # PEFT's forward pass disagrees with its own merged weights; gradients are not compared

    def config(self, name):
        kind, arguments = self.adapters[name]
        return kind(**arguments)


TARGETS = {
    "vit": ["q_proj", "v_proj", "o_proj", "fc1"] if RENAMED else
           ["query", "value", "attention.output.dense", "intermediate.dense"],
    "dinov2": ["q_proj", "v_proj", "o_proj", "fc1", "fc2"] if RENAMED else
              ["query", "value", "attention.output.dense", "fc1", "fc2"],
    "dinov3": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
    "timm": ["qkv", "attn.proj", "fc1", "fc2"],
}
TARGETS["deit"] = TARGETS["vit"]
# What the grid calls the patches' convolution and the head, in the models that call them otherwise.
NAMES = {"timm": {"projection": "patch_embed.proj", "classifier": "head"},
         "dinov3": {"projection": "patch_embeddings"}}


def named(case, model_type):
    """The case with the names of the model."""
    names = NAMES.get(model_type, {})
    for _, arguments in case.adapters.values():
        for key in ("target_modules", "modules_to_save"):
            if arguments.get(key):
                arguments[key] = [names.get(name, name) for name in arguments[key]]
    return case


def one(group, kind, **arguments):
    return Case(group, {"default": (kind, arguments)})


def boft_cases(targets):
    for b in (2, 4, 8):
        for m in (1, 2, 3):
            for bias in ("none", "boft_only", "all"):
                for save in (None, ["classifier"]):
                    for layers in (None, [1]):
                        yield one(f"BOFT b {b} m {m}", BOFTConfig, boft_block_size=b, boft_n_butterfly_factor=m,
                                  bias=bias, modules_to_save=save, layers_to_transform=layers, target_modules=targets)
    for num, m in ((8, 2), (4, 3), (1, 1)):
        yield one("BOFT by block_num", BOFTConfig, boft_block_size=0, boft_block_num=num, boft_n_butterfly_factor=m,
                  target_modules=targets)
    yield one("BOFT patch convolution", BOFTConfig, boft_block_size=4, boft_n_butterfly_factor=2,
              target_modules=["projection", targets[0]], bias="boft_only")
    yield one("BOFT patch convolution", BOFTConfig, boft_block_size=6, boft_n_butterfly_factor=1,
              target_modules=["projection"])
    yield one("BOFT with dropout, evaluated", BOFTConfig, boft_block_size=4, boft_n_butterfly_factor=2,
              boft_dropout=0.5, target_modules=targets)
    yield Case("BOFT m 2, PEFT without its extension", {
        "default": (BOFTConfig, dict(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=targets))},
        extension=False)
    for first, second in (((4, 2), (4, 2)), ((2, 1), (8, 1))):
        yield Case("BOFT, two adapters active", {
            name: (BOFTConfig, dict(boft_block_size=b, boft_n_butterfly_factor=m, target_modules=targets))
            for name, (b, m) in (("first", first), ("second", second))})


def lora_cases(targets):
    for r in (1, 4):
        for bias in ("none", "lora_only", "all"):
            for save in (None, ["classifier"]):
                yield one(f"LoRA r {r}", LoraConfig, r=r, lora_alpha=3, bias=bias, modules_to_save=save,
                          target_modules=targets)
    yield one("LoRA patch convolution", LoraConfig, r=2, lora_alpha=3, target_modules=["projection", targets[0]])
    yield Case("LoRA, two adapters active", {
        name: (LoraConfig, dict(r=r, target_modules=targets)) for name, r in (("first", 2), ("second", 4))})


def oft_cases(targets):
    exact = dict(use_cayley_neumann=False)
    for b in (2, 4, 8):
        for rotation in (exact, *(dict(num_cayley_neumann_terms=n) for n in (2, 3, 4, 5, 6, 9))):
            yield one(f"OFT b {b}, " + ("exact" if rotation is exact else "Cayley-Neumann"), OFTConfig,
                      oft_block_size=b, target_modules=targets, **rotation)
    for bias in ("none", "oft_only", "all"):
        for save in (None, ["classifier"]):
            for layers in (None, [1]):
                yield one("OFT bias x saved x layers", OFTConfig, oft_block_size=4, bias=bias, modules_to_save=save,
                          layers_to_transform=layers, target_modules=targets)
    for r in (1, 2, 8):
        yield one("OFT by r", OFTConfig, r=r, oft_block_size=0, target_modules=targets, **exact)
    for size in (5, 7, 12, 100):
        yield one("OFT, nearest divisor", OFTConfig, oft_block_size=size, target_modules=targets, **exact)
    for rotation in (exact, {}):
        yield one("OFT block_share", OFTConfig, oft_block_size=4, block_share=True, target_modules=targets, **rotation)
        yield one("OFT coft", OFTConfig, oft_block_size=4, coft=True, eps=0.1, target_modules=targets, **rotation)
        yield one("OFT coft", OFTConfig, oft_block_size=4, coft=True, eps=100.0, target_modules=targets, **rotation)
    yield Case("OFT patch convolution", {
        "default": (OFTConfig, dict(oft_block_size=4, target_modules=["projection", targets[0]], **exact))},
        merged_only=True)
    yield Case("OFT, two adapters active", {
        name: (OFTConfig, dict(oft_block_size=b, target_modules=targets, **exact))
        for name, b in (("first", 4), ("second", 8))}, merged_only=True)


def hra_cases(targets):
    for r in (1, 4, 7):
        for gram_schmidt in (False, True):
            for bias in ("none", "hra_only", "all"):
                for save in (None, ["classifier"]):
                    yield one(f"HRA r {r}" + (", Gram-Schmidt" if gram_schmidt else ""), HRAConfig, r=r,
                              apply_GS=gram_schmidt, bias=bias, modules_to_save=save, init_weights=not gram_schmidt,
                              target_modules=targets)
    yield one("HRA patch convolution", HRAConfig, r=4, target_modules=["projection", targets[0]])
    yield Case("HRA, two adapters active", {
        name: (HRAConfig, dict(r=r, target_modules=targets)) for name, r in (("first", 2), ("second", 4))})


def cases(model_type, methods):
    targets = TARGETS[model_type]
    for name, make in (("boft", boft_cases), ("oft", oft_cases), ("lora", lora_cases), ("hra", hra_cases)):
        if name in methods:
            for case in make(targets):
                # PEFT finds no layer number if the layers lie at the top of the model (blocks.1.attn.qkv).
                by_layer = any(arguments.get("layers_to_transform") for _, arguments in case.adapters.values())
                if model_type != "timm" or not by_layer:
                    yield named(case, model_type)
