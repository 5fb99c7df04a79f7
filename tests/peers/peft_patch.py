"""What PEFT needs to run BOFT with more than one butterfly factor on a CPU.

Without its CUDA extension PEFT sets boft_n_butterfly_factor to 1. The extension does one thing: it puts blocks
(N, D, H, H) on the diagonals of (N, DH, DH), and takes them off again in the backward pass. The same in PyTorch:
"""

from contextlib import contextmanager

import peft.tuners.boft.layer as boft_layer


class BlockDiagonal:
    @staticmethod
    def forward(blocks):
        n, d, h, _ = blocks.shape
        tiles = blocks.new_zeros(n, d, h, d, h)
        tiles.diagonal(dim1=1, dim2=3).copy_(blocks.permute(0, 2, 3, 1))
        return [tiles.view(n, d * h, d * h)]

    @staticmethod
    def backward(gradient, blocks):
        n, d, h, _ = blocks.shape
        return [gradient.view(n, d, h, d, h).diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)]


boft_layer._FBD_CUDA = BlockDiagonal  # get_fbd_cuda() returns it and compiles nothing


@contextmanager
def no_extension():
    """PEFT as it is on a machine that cannot build the extension: one factor, whatever the configuration says."""
    find, boft_layer.get_fbd_cuda = boft_layer.get_fbd_cuda, lambda: None
    try:
        yield
    finally:
        boft_layer.get_fbd_cuda = find
