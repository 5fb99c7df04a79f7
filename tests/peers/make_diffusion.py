#!/usr/bin/env python3
"""Writes tests/golden/diffusion: tiny Stable Diffusion pipelines with random weights as Diffusers saves them, what their
parts answer, and what its schedulers compute.

    make_diffusion.py [OUT]        (written with torch 2.15, diffusers 0.42.1, transformers 5.24)
"""

import itertools
import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.schedulers import scheduling_ddpm
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from clip_vocabulary import write_vocabulary
from drawn import randomise

OUT = Path(__file__).parents[1] / "golden" / "diffusion"


def save(tensors, path):
    save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, path)


def noise(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def probe(t):
    """A number that depends on every element and its place."""
    return (t * torch.cos(torch.arange(t.numel(), dtype=torch.float64)).reshape(t.shape)).sum().float()


def gradients(model, loss, inputs):
    """A probe of every parameter's gradient, and those of the inputs."""
    model.zero_grad()
    loss.backward()
    found = {f"gradient.{name}": probe(p.grad) for name, p in model.named_parameters()}
    return found | {f"gradient.{name}": t.grad for name, t in inputs.items()}


UNETS = {
    # 1.5: eight heads of any size, 1x1 convolutions, epsilon.
    "sd15": dict(attention_head_dim=2, use_linear_projection=False, cross_attention_dim=16),
    # 2.1: heads of one size, linear layers, v.
    "sd21": dict(attention_head_dim=[1, 2], use_linear_projection=True, cross_attention_dim=24),
}
TEXTS = {
    "sd15": dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, hidden_act="quick_gelu"),
    "sd21": dict(hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=3, hidden_act="gelu"),
}
PREDICTIONS = {"sd15": "epsilon", "sd21": "v_prediction"}


def make_pipeline(kind, folder):
    tokenizer = folder / "tokenizer"
    words = write_vocabulary(tokenizer)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        **UNETS[kind],
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=words, max_position_embeddings=77, bos_token_id=words - 2, eos_token_id=words - 1, pad_token_id=words - 1,
        **TEXTS[kind],
    ))
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1, prediction_type=PREDICTIONS[kind],
    )
    pipeline = StableDiffusionPipeline(
        vae=randomise(vae, 1, 0.15), text_encoder=randomise(text, 2, 0.15), unet=randomise(unet, 3, 0.15), scheduler=scheduler,
        tokenizer=CLIPTokenizer.from_pretrained(tokenizer, model_max_length=77), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )
    shutil.rmtree(folder)
    pipeline.save_pretrained(folder)
    write_vocabulary(folder / "tokenizer")
    return pipeline


def unet_answers(unet, width):
    answers = {}
    for size, (h, w) in {"even": (8, 8), "odd": (5, 7)}.items():
        sample = noise(10, 2, 4, h, w).requires_grad_()
        context = noise(11, 2, 5, width).requires_grad_()
        t = torch.tensor([7, 981])
        y = unet(sample, t, encoder_hidden_states=context).sample
        answers |= {f"{size}.sample": sample.detach(), f"{size}.context": context.detach(), f"{size}.output": y.detach()}
    answers |= gradients(unet, (y * noise(12, *y.shape)).sum(), {"sample": sample, "context": context})
    return answers | {"timesteps": t, "odd.weights": noise(12, *y.shape)}


def vae_answers(vae):
    images = noise(13, 2, 3, 8, 12).requires_grad_()
    posterior = vae.encode(images).latent_dist
    latents = noise(14, 2, 4, 4, 6)
    z = posterior.mean + posterior.std * latents
    decoded = vae.decode(z).sample
    loss = (decoded * noise(15, *decoded.shape)).sum() + 0.1 * posterior.kl().sum()
    return {
        "images": images.detach(), "latents": latents, "mean": posterior.mean.detach(),
        "logvar": posterior.logvar.detach(), "kl": posterior.kl().detach(), "decoded": decoded.detach(),
        "weights": noise(15, *decoded.shape),
    } | gradients(vae, loss, {"images": images})


def text_answers(text):
    words = text.config.vocab_size
    tokens = torch.randint(0, words, (2, 9), generator=torch.Generator().manual_seed(16))
    y = text(tokens).last_hidden_state
    return {"tokens": tokens, "output": y.detach(), "weights": noise(17, *y.shape)} | gradients(
        text, (y * noise(17, *y.shape)).sum(), {}
    )


def picture_answers(pipeline):
    """Ten DDIM steps from given latents, and the picture behind them."""
    latents = noise(18, 1, 4, 8, 8)
    seen = []

    def note(_, step, t, values):
        seen.append(values["latents"].clone())
        return values

    image = pipeline(
        "a red circle on blue", negative_prompt="a square", num_inference_steps=10, guidance_scale=3.0, latents=latents,
        output_type="np", height=16, width=16, callback_on_step_end=note,
    ).images
    return {"latents": latents, "steps": torch.stack(seen), "image": torch.from_numpy(image).permute(0, 3, 1, 2).contiguous()}


def old_names(folder, vae):
    """The VAE's attention as files of 2022 call it."""
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = {}
    for name, t in vae.state_dict().items():
        for new, before in old.items():
            name = name.replace(f".{new}.", f".{before}.") if ".attentions." in name else name
        tensors[name] = t
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})


def pipelines(out):
    for kind in UNETS:
        pipeline = make_pipeline(kind, out / kind)
        pipeline.set_progress_bar_config(disable=True)
        text_width = TEXTS[kind]["hidden_size"]
        save(picture_answers(pipeline), out / f"{kind}.picture.safetensors")
        save(unet_answers(pipeline.unet, text_width), out / f"{kind}.unet.safetensors")
        save(text_answers(pipeline.text_encoder), out / f"{kind}.text.safetensors")
        if kind == "sd21":  # the same VAE, with its old names, and half precision in shards
            old_names(out / kind / "vae", pipeline.vae)
            pipeline.unet.half().save_pretrained(out / kind / "unet", variant="fp16", max_shard_size="60KB")
        else:
            save(vae_answers(pipeline.vae), out / f"{kind}.vae.safetensors")


def timesteps(out):
    t = torch.tensor([0, 1, 17, 500, 999])
    tensors = {"t": t}
    for name, options in {
        "default": dict(embedding_dim=32), "flipped": dict(embedding_dim=320, flip_sin_to_cos=True, downscale_freq_shift=0),
        "odd": dict(embedding_dim=7, downscale_freq_shift=0.5), "period": dict(embedding_dim=8, max_period=100),
    }.items():
        tensors[name] = get_timestep_embedding(t, **options)
    save(tensors, out / "timesteps.safetensors")


def wave(shape, shift):
    """Numbers that look like noise, the same everywhere."""
    n = torch.Size(shape).numel()
    return torch.cos(torch.arange(n, dtype=torch.float32) * 1.7 + shift).reshape(shape)


def scheduler_cases():
    """Class, configuration, steps, eta."""
    predictions, spacings = ["epsilon", "sample", "v_prediction"], ["leading", "linspace", "trailing"]
    schedules = ["linear", "scaled_linear", "squaredcos_cap_v2"]
    for kind in [DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler]:
        yield kind, {}, 10, 0
        for p, t, b in itertools.product(predictions, spacings, schedules):
            more = {"lambda_min_clipped": -5.1} if kind is DPMSolverMultistepScheduler and b[0] == "s" else {}
            yield kind, {"prediction_type": p, "timestep_spacing": t, "beta_schedule": b} | more, 7, 0
        for more in [
            {"steps_offset": 1}, {"beta_start": 0.001, "beta_end": 0.01}, {"num_train_timesteps": 100},
            {"trained_betas": [0.01 * (i + 1) for i in range(30)], "num_train_timesteps": 30},
            {"thresholding": True}, {"thresholding": True, "dynamic_thresholding_ratio": 0.6, "sample_max_value": 1.5},
            {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        ]:
            yield kind, more, 6, 0
    for more in [{"set_alpha_to_one": False}, {"clip_sample": False}, {"clip_sample_range": 0.5}]:
        yield DDIMScheduler, more, 5, 0
        yield DDIMScheduler, more, 5, 0.7
    for more in [
        {"variance_type": "fixed_small_log"}, {"variance_type": "fixed_large"}, {"beta_schedule": "sigmoid"},
        {"clip_sample": False}, {"clip_sample_range": 0.5}, {"steps_offset": 1, "clip_sample": False},
    ]:
        yield DDPMScheduler, more, 8, 0
    for order, algorithm, solver, steps in itertools.product(
        [1, 2, 3], ["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"], ["midpoint", "heun"], [5, 16]
    ):
        if algorithm.startswith("sde") and order == 3:
            continue  # not to be had; of the other, the last term of diffusers 0.42 has another sign than its limit asks
        last = "zero" if algorithm.endswith("++") and steps == 5 else "sigma_min"
        config = {"solver_order": order, "algorithm_type": algorithm, "solver_type": solver, "final_sigmas_type": last}
        yield DPMSolverMultistepScheduler, config, steps, 0
    for more in [
        {"use_karras_sigmas": True}, {"use_exponential_sigmas": True}, {"use_lu_lambdas": True},
        {"use_karras_sigmas": True, "beta_schedule": "squaredcos_cap_v2"}, {"euler_at_final": True},
        {"lower_order_final": False, "final_sigmas_type": "sigma_min"}, {"algorithm_type": "deis", "solver_type": "logrho", "final_sigmas_type": "sigma_min"},
        {"prediction_type": "v_prediction", "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        {"prediction_type": "sample", "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        {"thresholding": True, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
    ]:
        yield DPMSolverMultistepScheduler, more, 9, 0
    for p, t, steps in itertools.product(["epsilon", "v_prediction"], spacings, [1, 2, 3, 7]):
        if steps == 1 and t != "leading":
            continue  # from noise alone to none in one step: two large numbers whose digits go
        yield PNDMScheduler, {"skip_prk_steps": True, "prediction_type": p, "timestep_spacing": t}, steps, 0
    for more in [
        {"set_alpha_to_one": True}, {"steps_offset": 1, "beta_schedule": "scaled_linear"},
        {"trained_betas": [0.01 * (i + 1) for i in range(30)], "num_train_timesteps": 30},
    ]:
        yield PNDMScheduler, {"skip_prk_steps": True} | more, 6, 0


def schedulers(out):
    shape, cases = (1, 4, 2, 2), []
    for kind, config, steps, eta in scheduler_cases():
        scheduler = kind(**config)
        scheduler.set_timesteps(steps)
        if kind is DPMSolverMultistepScheduler:
            scheduler.set_begin_index(0)  # of two equal timesteps, the first is the first
        sample, drawn = wave(shape, 0.3), itertools.count(1)

        def draw(*_, **__):
            return wave(shape, float(next(drawn)))

        scheduling_ddpm.randn_tensor = draw
        for t in scheduler.timesteps:
            output = 0.8 * torch.sin(0.2 * sample + t / 100)
            more = {}
            if kind is DDIMScheduler and eta:
                more = {"eta": eta, "variance_noise": draw()}
            elif kind is DPMSolverMultistepScheduler and "sde" in config.get("algorithm_type", ""):
                more = {"variance_noise": draw()}
            sample = scheduler.step(output, t, sample, **more).prev_sample
        case = {"config": {"_class_name": kind.__name__} | config, "steps": steps, "eta": eta}
        case |= {"timesteps": scheduler.timesteps.tolist(), "sample": [float(f"{v:.9g}") for v in sample.flatten().tolist()]}
        cases.append(case)
    lines = ",\n".join(json.dumps(c) for c in cases)
    (out / "schedulers.json").write_text(f"[\n{lines}\n]\n")


def training(out):
    """What noise and velocity training sees, on DDPM's schedule of 1.5."""
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    x, e, t = noise(20, 3, 4, 2, 2), noise(21, 3, 4, 2, 2), torch.tensor([0, 500, 999])
    noisy, velocity = scheduler.add_noise(x, e, t), scheduler.get_velocity(x, e, t)
    snr = scheduler.alphas_cumprod[t] / (1 - scheduler.alphas_cumprod[t])
    save({"x": x, "noise": e, "t": t, "noisy": noisy, "velocity": velocity, "snr": snr}, out / "training.safetensors")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    torch.set_num_threads(1)
    schedulers(target)
    training(target)
    timesteps(target)
    pipelines(target)
