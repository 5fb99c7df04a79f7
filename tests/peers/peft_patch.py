"""What PEFT needs to run BOFT with more than one butterfly factor on a CPU.

Without its CUDA extension PEFT sets boft_n_butterfly_factor to 1. The extension does one thing: it puts blocks
(N, D, H, H) on the diagonals of (N, DH, DH), and takes them off again in the backward pass. The same in PyTorch:
"""

import peft.tuners.boft.layer as boft_layer
import torch


class BlockDiagonal:
    @staticmethod
    def forward(blocks):
        return [torch.stack([torch.block_diag(*factor) for factor in blocks])]

    @staticmethod
    def backward(gradient, blocks):
        n, d, h, _ = blocks.shape
        tiles = gradient.view(n, d, h, d, h)
        return [torch.stack([tiles[:, i, :, i, :] for i in range(d)], dim=1)]


boft_layer._FBD_CUDA = BlockDiagonal  # get_fbd_cuda() returns it and compiles nothing
