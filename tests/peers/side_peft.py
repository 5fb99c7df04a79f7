"""PEFT's half of the comparison: random models and adapters, logits and gradients in float64, files."""

import datetime
import warnings
from contextlib import nullcontext
from types import SimpleNamespace

import peft
import timm
import torch
import transformers
from peft import PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from timm.models import save_for_hf
from timm.models.vision_transformer import VisionTransformer

import peft_patch  # BOFT with several factors, from here on

WEIGHTS = "adapter_model.safetensors"


def heading():
    """The day and the versions, above a table; from here on the libraries are quiet."""
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return (f"{datetime.date.today()}; PEFT {peft.__version__}, Transformers {transformers.__version__}, "
            f"PyTorch {torch.__version__}\n")


class Dinov3Classifier(transformers.DINOv3ViTModel):
    """Transformers has no classifier on DINOv3: one on its pooler_output, beside the backbone's parts."""

    def __init__(self, config):
        super().__init__(config)
        self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pixel_values):
        return SimpleNamespace(logits=self.classifier(super().forward(pixel_values=pixel_values).pooler_output))


class TimmClassifier(VisionTransformer):
    """timm's, called and answering as Transformers' models do."""

    def forward(self, pixel_values):
        return SimpleNamespace(logits=super().forward(pixel_values))


KINDS = {
    "vit": transformers.ViTForImageClassification,
    "deit": transformers.DeiTForImageClassification,
    "dinov2": transformers.Dinov2ForImageClassification,
    "dinov3": Dinov3Classifier,
}


def make_model(model_type, hidden, layers):
    sizes = dict(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=2, image_size=8, patch_size=4,
                 num_labels=3)
    if model_type == "timm":
        return timm.create_model("vit_small_patch14_reg4_dinov2", img_size=8, patch_size=4, embed_dim=hidden,
                                 depth=layers, num_heads=2, mlp_ratio=2, num_classes=3)
    if model_type == "dinov2":
        config = transformers.Dinov2Config(mlp_ratio=2, **sizes)
    elif model_type == "dinov3":
        config = transformers.DINOv3ViTConfig(intermediate_size=2 * hidden, num_register_tokens=2, **sizes)
    else:
        config = KINDS[model_type].config_class(intermediate_size=2 * hidden, **sizes)
    return KINDS[model_type](config)


def make_base(folder, model_type, hidden=32, layers=2):
    """A random-weight image classifier of 3 classes on 8x8 RGB images, written as its library writes it."""
    torch.manual_seed(1)
    model = make_model(model_type, hidden, layers)
    with torch.no_grad():  # Transformers starts with zeros and ones; nothing here shall be either
        for name, parameter in model.named_parameters():
            norm_weight = "norm" in name and name.endswith("weight")
            scale = 0.2 if parameter.dim() < 2 else 1 / parameter[0].numel() ** 0.5
            parameter.copy_(torch.randn_like(parameter) * scale + (1 if norm_weight or "lambda1" in name or "gamma" in name else 0))
    if model_type == "timm":
        save_for_hf(model, folder, safe_serialization=True)
    else:
        model.save_pretrained(folder)


def make_batch(path):
    generator = torch.Generator().manual_seed(2)
    save_file({"pixel_values": torch.randn(4, 3, 8, 8, generator=generator),
               "labels": torch.tensor([0, 2, 1, 2])}, path)


def load_base(folder, model_type, attention="eager"):
    if model_type == "timm":
        model = timm.create_model(f"local-dir:{folder}", pretrained=True)
        model.__class__ = TimmClassifier
        return model.eval()
    return KINDS[model_type].from_pretrained(folder, attn_implementation=attention).eval()


def randomise(model):
    """Adapter values far from the start: rotations by tens of degrees, scales around 1, moved biases."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "boft_s" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif "lora_" in name:
                parameter.copy_(0.3 * noise)
            elif "oft_R" in name:
                parameter.copy_((0.4 if "boft" in name else 0.15) * noise)
            else:
                parameter.add_(0.1 * noise)


def make_adapted(base, case):
    names = list(case.adapters)
    with nullcontext() if case.extension else peft_patch.no_extension():
        model = get_peft_model(base, case.config(names[0]), names[0])
        for name in names[1:]:
            model.add_adapter(name, case.config(name))
    model.base_model.set_adapter(names)
    randomise(model)
    return model.eval()


def folder_of(folder, name):
    return folder if name == "default" else folder / name


def load(base, case, folder):
    """An adapter folder into PEFT. Complaints about missing keys are errors."""
    model = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in case.adapters:
            if model is None:
                model = PeftModel.from_pretrained(base, folder_of(folder, name), adapter_name=name)
            else:
                model.load_adapter(folder_of(folder, name), adapter_name=name)
    complaints = [str(w.message) for w in caught if "missing" in str(w.message) or "nexpected" in str(w.message)]
    if complaints:
        raise RuntimeError(f"PEFT on Papilio's files: {complaints}")
    model.base_model.set_adapter(list(case.adapters))
    return model.eval()


def logits(model, batch, dtype=torch.float64):
    with torch.no_grad():
        return model.to(dtype)(pixel_values=batch["pixel_values"].to(dtype)).logits


def merged_logits(model, batch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.merge_adapter(safe_merge=True)
        result = logits(model, batch)
        model.unmerge_adapter()
    return result


def gradients(model, batch, case, dtype=torch.float64):
    """Gradients of the mean cross entropy by adapter and file key."""
    model.to(dtype).zero_grad()
    output = model(pixel_values=batch["pixel_values"].to(dtype)).logits
    torch.nn.functional.cross_entropy(output, batch["labels"]).backward()
    state = {n: torch.zeros_like(p) if p.grad is None else p.grad
             for n, p in model.named_parameters() if p.requires_grad}
    frozen = {n: torch.full_like(p, torch.nan) for n, p in model.named_parameters() if not p.requires_grad}
    result = {}
    for name in case.adapters:
        found = get_peft_model_state_dict(model, state_dict=frozen | state, adapter_name=name)
        # With bias "all" PEFT lists the saved modules' biases once more, under their wrappers' names.
        result[name] = {k: v for k, v in found.items() if not v.isnan().any()
                        and ".modules_to_save." not in k and ".original_module." not in k}
    return result
