"""What the scripts share that draw models and adapters: random numbers far from any start, so that each one shows."""

import torch
from peft import get_peft_model


def randomise(model, seed, std=0.3):
    """Every parameter of the model drawn, those of norms around 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            p.copy_(around + std * torch.randn(p.shape, generator=generator))
    return model.eval()


def save_drawn_adapter(folder, model, config, seed, base="base"):
    """PEFT's folder of an adapter with drawn parameters; returns the adapted model and the generator."""
    adapted = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in adapted.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))
    adapted.peft_config["default"].base_model_name_or_path = base
    adapted.eval().save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    return adapted, generator
