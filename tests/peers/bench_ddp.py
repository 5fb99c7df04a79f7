"""tests/bench/ranks' full finetuning by PyTorch: DistributedDataParallel over gloo, two processes of one thread, beside
one process of two threads.

    python3 tests/peers/bench_ddp.py [--batch 64] [--steps 24] [--turns 3]     (needs torch and transformers)
"""

import argparse
import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel
from transformers import ViTConfig, ViTForImageClassification


def images_per_second(rank, ranks, batch, steps):
    torch.manual_seed(0)
    torch.set_num_threads(2 // ranks)
    config = ViTConfig(hidden_size=192, num_hidden_layers=6, num_attention_heads=3, intermediate_size=768,
                       image_size=32, patch_size=4, num_channels=1, num_labels=2)
    model = ViTForImageClassification(config)
    trained = DistributedDataParallel(model) if ranks > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    images = torch.randn(batch // ranks, 1, 32, 32)
    labels = torch.arange(batch // ranks) % 2
    begin = 0
    for step in range(steps + 3):
        if step == 3:
            begin = time.perf_counter()
        optimizer.zero_grad()
        logits = trained(images).logits
        torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if ranks > 1:
        dist.barrier()
    return batch * steps / (time.perf_counter() - begin)


def rank_main(rank, port, batch, steps):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    speed = images_per_second(rank, 2, batch, steps)
    if rank == 0:
        print(f"2 ranks, 1 thread: {speed:.0f} images/s")
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    print(f"torch {torch.__version__}")
    for turn in range(given.turns):
        print(f"1 process, 2 threads: {images_per_second(0, 1, given.batch, given.steps):.0f} images/s")
        mp.spawn(rank_main, args=(29500 + turn, given.batch, given.steps), nprocs=2)
