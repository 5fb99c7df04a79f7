"""More than one butterfly factor in PEFT's BOFT layers, without its CUDA extension."""

import torch
from peft.tuners.boft import layer as boft_layer

import papilio


class BlockDiagonal:
    """What the extension does: blocks (N, D, H, H) on the diagonals of (N, DH, DH), and off again."""

    @staticmethod
    def forward(blocks):
        n, d, h, _ = blocks.shape
        tiles = blocks.new_zeros(n, d, h, d, h)
        tiles.diagonal(dim1=1, dim2=3).copy_(blocks.permute(0, 2, 3, 1))
        return [tiles.view(n, d * h, d * h)]

    @staticmethod
    def backward(gradient, blocks):
        n, d, h, _ = blocks.shape
        return [gradient.reshape(n, d, h, d, h).diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)]


def enable():
    """get_fbd_cuda() returns what is there, and compiles nothing."""
    if boft_layer._FBD_CUDA is None:
        boft_layer._FBD_CUDA = BlockDiagonal


def missing_factors(layer, adapter, config):
    """How many factors the configuration has beyond those of the layer."""
    return config.boft_n_butterfly_factor - layer.boft_R[adapter].shape[0]


def _width(layer, adapter):
    """The number of coordinates that are turned: a linear layer's inputs, a convolution's c k k."""
    return layer.boft_block_size[adapter] * layer.boft_block_num[adapter]


def check_factors(name, layer, adapter, m):
    """Raises ArgumentError if m factors do not fit the layer."""
    b, d = layer.boft_block_size[adapter], _width(layer, adapter)
    if b % 2 or d % (b << (m - 1)):
        raise papilio.ArgumentError(
            f"accelerate: {name}: {m} butterfly factors of blocks of {b} need an even block size and inputs that are a "
            f"multiple of {b << (m - 1)}, got {d}")


def add_factors(layer, adapter, count):
    """`count` more factors, identities: R = 0."""
    old = layer.boft_R[adapter]
    zeros = old.new_zeros(count, *old.shape[1:])
    joined = torch.cat([old.detach(), zeros])
    layer.boft_R[adapter] = torch.nn.Parameter(joined, requires_grad=old.requires_grad)


def make_permutations(layer):
    """PEFT's buffer boft_P for as many factors as the active adapter has, as update_layer makes it."""
    adapter = next(name for name in layer.active_adapters if name in layer.boft_R)
    m = layer.boft_R[adapter].shape[0]
    if layer.boft_P.shape[0] == m:
        return
    b, blocks, d = layer.boft_block_size[adapter], layer.boft_block_num[adapter], _width(layer, adapter)
    p = torch.zeros(m, d, d, device=layer.boft_P.device)
    for i in range(m):
        order = layer.block_butterfly_perm(d, blocks >> i, b // 2, m - 1)
        p[i, torch.arange(d), order] = 1
    layer.register_buffer("boft_P", p, persistent=False)
    layer.fbd_cuda_available = True
