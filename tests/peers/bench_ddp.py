"""tests/bench/ranks' full finetuning by PyTorch: DistributedDataParallel over gloo, two processes of one thread, beside
one process of two threads.

    python3 tests/peers/bench_ddp.py     (needs torch and transformers)
"""

import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel
from transformers import ViTConfig, ViTForImageClassification

BATCH, STEPS = 64, 24


def images_per_second(rank, ranks):
    torch.manual_seed(0)
    torch.set_num_threads(2 // ranks)
    config = ViTConfig(hidden_size=192, num_hidden_layers=6, num_attention_heads=3, intermediate_size=768,
                       image_size=32, patch_size=4, num_channels=1, num_labels=2)
    model = ViTForImageClassification(config)
    trained = DistributedDataParallel(model) if ranks > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    images = torch.randn(BATCH // ranks, 1, 32, 32)
    labels = torch.arange(BATCH // ranks) % 2
    begin = 0
    for step in range(STEPS + 3):
        if step == 3:
            begin = time.perf_counter()
        optimizer.zero_grad()
        logits = trained(images).logits
        torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if ranks > 1:
        dist.barrier()
    return BATCH * STEPS / (time.perf_counter() - begin)


def rank_main(rank, port):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    speed = images_per_second(rank, 2)
    if rank == 0:
        print(f"2 ranks, 1 thread: {speed:.0f} images/s")
    dist.destroy_process_group()


if __name__ == "__main__":
    print(f"torch {torch.__version__}")
    for turn in range(3):
        print(f"1 process, 2 threads: {images_per_second(0, 1):.0f} images/s")
        mp.spawn(rank_main, args=(29500 + turn,), nprocs=2)
