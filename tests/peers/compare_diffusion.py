#!/usr/bin/env python3
"""What papilio dreambooth, controlnet and train write, read by Diffusers and PEFT, and PEFT's adapters read here.

    compare_diffusion.py BUILD        BUILD: a build folder with papilio and papilio_diffusion in it

Rows: an adapter that papilio trained on both parts of a tiny pipeline, put on Diffusers' models by PEFT: the UNet's output,
the loss and the gradients of what trains, as max |a - b| / max |b|; then the same of the adapter that PEFT makes of it in
three steps of AdamW (back). Then the folders of the guides. Fails above 1e-5 (gradients: 1e-4) and if an adapter changes nothing.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import peft_patch  # noqa: F401  (more than one butterfly factor)
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion" / "sd15"
METHODS = {
    "boft": "-n 4", "boft m 2": "-b 4 -m 2", "oft": "-b 4", "oft Neumann": "-b 4 --cayley-neumann 5", "lora": "-r 2",
    "hra": "-r 2",
}


def run(program, *words):
    done = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr}")


def draw_pictures(folder, n=4, side=16):
    """Squares in colours, with captions and, under c0.png, ..., the squares alone."""
    folder.mkdir()
    lines = []
    for i in range(n):
        picture, shape = np.full((side, side, 3), 200, np.uint8), np.zeros((side, side, 3), np.uint8)
        picture[i : i + 8, i : i + 8] = [60 * i, 20, 240 - 60 * i]
        shape[i : i + 8, i : i + 8] = 255
        Image.fromarray(picture).save(folder / f"{i}.png")
        Image.fromarray(shape).save(folder / f"c{i}.png")
        lines.append(f'{{"file_name": "{i}.png", "text": "a square {i}", "conditioning_image_file_name": "c{i}.png"}}\n')
    (folder / "metadata.jsonl").write_text("".join(lines))


def make_batch(path, pipeline):
    g = torch.Generator().manual_seed(5)
    tokens = pipeline.tokenizer(["a sks square", ""], padding="max_length", max_length=77, return_tensors="pt").input_ids
    batch = {"tokens": tokens, "latents": torch.randn(2, 4, 8, 8, generator=g),
             "noise": torch.randn(2, 4, 8, 8, generator=g), "timesteps": torch.tensor([40, 700])}
    save_file(batch, path)
    return batch


class Theirs:
    """Diffusers' pipeline with adapters on both parts."""

    def __init__(self, adapters, trainable=True, place="", adapter_name="default"):
        self.pipeline = StableDiffusionPipeline.from_pretrained(GOLDEN)
        self.parts = {
            name: PeftModel.from_pretrained(getattr(self.pipeline, name), adapters / name / place, adapter_name,
                                            is_trainable=trainable).eval()
            for name in ("unet", "text_encoder")
        }

    def loss(self, batch):
        noisy = self.pipeline.scheduler.add_noise(batch["latents"], batch["noise"], batch["timesteps"])
        context = self.parts["text_encoder"](input_ids=batch["tokens"]).last_hidden_state
        output = self.parts["unet"](noisy, batch["timesteps"], encoder_hidden_states=context).sample
        return output, F.mse_loss(output, batch["noise"])

    def gradients(self, name):
        model = self.parts[name]
        for p in model.parameters():
            if p.requires_grad:
                p.data = torch.zeros_like(p) if p.grad is None else p.grad
        return get_peft_model_state_dict(model)

    def train(self, batch, steps=3):
        optimizer = torch.optim.AdamW([p for m in self.parts.values() for p in m.parameters() if p.requires_grad], lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            self.loss(batch)[1].backward()
            optimizer.step()


def distance(a, b):
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-12)).item()


def compare(program, adapters, batch_file, batch, folder):
    """Distances of output, loss and gradients."""
    run(program, "compare", GOLDEN, adapters, batch_file, folder)
    ours, theirs = load_file(folder / "result.safetensors"), Theirs(adapters)
    output, loss = theirs.loss(batch)
    loss.backward()
    worst = 0.0
    for name in theirs.parts:
        mine, want = load_file(folder / name / "adapter_model.safetensors"), theirs.gradients(name)
        assert mine.keys() == want.keys(), sorted(mine.keys() ^ want.keys())
        size = max(t.abs().max().item() for t in want.values())
        worst = max(worst, *((mine[k] - t).abs().max().item() / size for k, t in want.items()))
    return distance(ours["output"], output.detach()), distance(ours["loss"], loss.detach()), worst


def check_adapters(build, place):
    papilio, program = build / "samples/papilio/papilio", build / "tests/peers/papilio_diffusion"
    plain = StableDiffusionPipeline.from_pretrained(GOLDEN)
    batch = make_batch(place / "batch.safetensors", plain)
    noisy = plain.scheduler.add_noise(batch["latents"], batch["noise"], batch["timesteps"])
    with torch.no_grad():
        context = plain.text_encoder(batch["tokens"]).last_hidden_state
        base = plain.unet(noisy, batch["timesteps"], encoder_hidden_states=context).sample
    print("| method | output | loss | gradients | back: output | gradients | effect |\n|---|--:|--:|--:|--:|--:|--:|")
    good = True
    for i, (name, options) in enumerate(METHODS.items()):
        out, back = place / f"ours{i}", place / f"back{i}"
        run(papilio, "dreambooth", GOLDEN, "--instance-data-dir", place / "pictures", "--instance-prompt", "a sks square",
            "--method", name.split()[0], *options.split(), "--train-text-encoder", "--lr", "1e-2", "--max-train-steps", 5,
            "--out", out, "--quiet")
        output, loss, gradients = compare(program, out, place / "batch.safetensors", batch, place / f"a{i}")
        theirs = Theirs(out)
        with torch.no_grad():
            effect = distance(theirs.loss(batch)[0], base)
        theirs.train(batch)
        for part, model in theirs.parts.items():
            model.save_pretrained(back / part)
        again = compare(program, back, place / "batch.safetensors", batch, place / f"b{i}")
        fine = max(output, loss, again[0]) < 1e-5 and max(gradients, again[2]) < 1e-4 and effect > 1e-3
        good &= fine
        print(f"| {name} | {output:.1e} | {loss:.1e} | {gradients:.1e} | {again[0]:.1e} | {again[2]:.1e} | {effect:.1e} |"
              f"{'' if fine else ' WRONG'}", flush=True)
    return good


def check_guide_folders(build, place):
    """unet/STEP/NAME and text_encoder/STEP/NAME, loaded as PEFT's DreamBooth guide loads them, and read as its script leaves
    them."""
    papilio, program = build / "samples/papilio/papilio", build / "tests/peers/papilio_diffusion"
    out, back, name = place / "steps", place / "guide", "sks_boft"
    run(papilio, "dreambooth", GOLDEN, "--instance-data-dir", place / "pictures", "--instance-prompt", "a sks square", "-n", 4,
        "--dropout", 0, "--train-text-encoder", "--lr", "1e-2", "--max-train-steps", 5, "--checkpoint-steps", 2,
        "--adapter-name", name, "--out", out, "--quiet")
    batch, worst, outputs = make_batch(place / "steps.safetensors", StableDiffusionPipeline.from_pretrained(GOLDEN)), 0.0, []
    for step in (2, 4, 5):
        theirs = Theirs(out, trainable=False, place=f"{step}/{name}", adapter_name=name)
        for part in theirs.parts:
            shutil.copytree(out / part / f"{step}/{name}", place / f"step{step}" / part)
        run(program, "compare", GOLDEN, place / f"step{step}", place / "steps.safetensors", place / f"of{step}")
        with torch.no_grad():
            outputs.append(theirs.loss(batch)[0])
        worst = max(worst, distance(load_file(place / f"of{step}/result.safetensors")["output"], outputs[-1]))
        for part, model in theirs.parts.items():  # as the guide's script saves
            model.save_pretrained(back / part / str(step))
    moved = min(distance(outputs[0], outputs[1]), distance(outputs[1], outputs[2]))
    pictures = []
    for adapter, *more in (("guide",), ("steps",), ("guide", "--adapter-step", 2), ("steps", "--adapter-step", 2)):
        folder = place / f"picture{len(pictures)}"
        run(papilio, "generate", GOLDEN, "--prompt", "a sks square", "--steps", 4, "--adapter", place / adapter, *more, "--out",
            folder, "--quiet")
        pictures.append((folder / "0.png").read_bytes())
    same = pictures[0] == pictures[1] and pictures[2] == pictures[3] and pictures[0] != pictures[2]
    print(f"guide's folders: PEFT loads three steps of unet/STEP/{name}, output {worst:.1e}, between steps {moved:.1e}; "
          f"what PEFT saves so makes {'the same pictures' if same else 'OTHER PICTURES'}")
    return worst < 1e-5 and moved > 1e-5 and same


def check_control(build, place):
    """Diffusers' embedding takes the file; PEFT the adapter beside it."""
    run(build / "samples/papilio/papilio", "controlnet", GOLDEN, "--data", place / "pictures", "-n", 4, "--lr", "1e-2",
        "--max-train-steps", 5, "--adapter-name", "run_1", "--out", place / "control", "--quiet")
    tensors = load_file(place / "control/controlnet/model.safetensors")
    model = ControlNetConditioningEmbedding(conditioning_embedding_channels=8, block_out_channels=(16, 32))
    model.load_state_dict({k.removeprefix("controlnet_cond_embedding."): t for k, t in tensors.items()})
    with torch.no_grad():
        found = model(torch.ones(1, 3, 16, 16)).abs().max().item()
    pipeline = StableDiffusionPipeline.from_pretrained(GOLDEN)
    PeftModel.from_pretrained(pipeline.unet, place / "control/unet/run_1", adapter_name="run_1")
    print(f"control: learned something, {found:.1e}; the adapter beside it loads")
    return found > 0


def check_pretrained(build, place):
    """A pipeline from nothing, read and run by Diffusers; its tokens are those of Hugging Face's tokenizer."""
    run(build / "samples/papilio/papilio", "train", "--data", place / "pictures", "--resolution", 16, "--unet-channels", "8,16",
        "--vae-channels", "8,8", "--heads", 2, "--text-width", 16, "--vocab-size", 540, "--max-train-steps", 3,
        "--batch-size", 4, "--out", place / "new", "--quiet")
    pipeline = StableDiffusionPipeline.from_pretrained(place / "new")
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a square 1", num_inference_steps=2, output_type="np").images
    ids = pipeline.tokenizer("A square  1").input_ids
    words = pipeline.tokenizer.convert_ids_to_tokens(ids)
    print(f"train: Diffusers reads the folder and makes a picture of {picture.shape[1:]}; tokens {words}")
    return np.isfinite(picture).all() and words == ["<|startoftext|>", "a</w>", "square</w>", "1</w>", "<|endoftext|>"]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_pictures(folder / "pictures")
        checks = [check(Path(sys.argv[1]), folder) for check in (check_adapters, check_guide_folders, check_control,
                                                              check_pretrained)]
        sys.exit(not all(checks))
