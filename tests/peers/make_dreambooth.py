#!/usr/bin/env python3
"""Writes tests/golden/diffusion/dreambooth.<method>.safetensors: three steps of DreamBooth by Diffusers and PEFT on the tiny
pipeline sd15 with the adapters that make_diffusion_adapters.py wrote, on the UNet (each method's) and on the text encoder
(BOFT's): a picture of the subject and one of its class in one pass, AdamW, clipped gradients; the losses, and a probe of
every adapter tensor's first gradient and of its value in the end.

    make_dreambooth.py        (written with torch 2.15, diffusers 0.42.1, transformers 5.24, peft 0.21.2)
"""

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from transformers import CLIPTextModel

from make_diffusion import OUT, noise, probe, save

PRIOR_WEIGHT, STEPS = 0.5, 3


def trainable(model, folder):
    return PeftModel.from_pretrained(model, folder, is_trainable=True)


def run(method):
    unet = trainable(UNet2DConditionModel.from_pretrained(OUT / "sd15" / "unet"), OUT / f"unet_{method}")
    text = trainable(CLIPTextModel.from_pretrained(OUT / "sd15" / "text_encoder"), OUT / "text_boft")
    scheduler = DDIMScheduler.from_pretrained(OUT / "sd15" / "scheduler")
    parts = {"unet": unet.train(), "text_encoder": text.train()}
    parameters = [p for model in parts.values() for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=1e-2)
    tokens = torch.randint(0, text.config.vocab_size, (2, 9), generator=torch.Generator().manual_seed(60))
    latents, e, t = noise(61, 2, 4, 8, 8), noise(62, 2, 4, 8, 8), torch.tensor([300, 800])
    answers = {"tokens": tokens, "latents": latents, "noise": e, "timesteps": t, "losses": torch.zeros(STEPS)}
    for step in range(STEPS):
        optimizer.zero_grad()
        context = text(input_ids=tokens).last_hidden_state
        said = unet(scheduler.add_noise(latents, e, t), t, encoder_hidden_states=context).sample
        (own, prior), (own_noise, prior_noise) = said.chunk(2), e.chunk(2)
        loss = F.mse_loss(own, own_noise) + PRIOR_WEIGHT * F.mse_loss(prior, prior_noise)
        loss.backward()
        if step == 0:
            for name, model in parts.items():
                values = {id(p): p.grad for p in model.parameters() if p.grad is not None}
                named = {n: values[id(p)] for n, p in model.named_parameters() if id(p) in values}
                answers |= {f"gradient.{name}.{n.replace('.default', '')}": probe(g) for n, g in named.items()}
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        answers["losses"][step] = loss.detach()
    for name, model in parts.items():
        answers |= {f"trained.{name}.{k}": probe(v) for k, v in get_peft_model_state_dict(model).items()}
    save(answers, OUT / f"dreambooth.{method}.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for method in ("boft", "oft", "lora", "hra"):
        run(method)
