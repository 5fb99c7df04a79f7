"""Papilio's operations as one operation of PyTorch's graph. Imported when PyTorch is wanted."""

import array
import contextlib
import itertools
import weakref

import torch
from torch.utils import dlpack

import papilio

FROM_TORCH = {torch.float32: papilio.float32, torch.float64: papilio.float64, torch.bfloat16: papilio.bfloat16,
              torch.float16: papilio.float16}

_graphs = weakref.WeakValueDictionary()
_numbers = itertools.count()


def computes_on(device):
    """Has Papilio this device of PyTorch's?"""
    return device.type == "cpu" or (device.type == "cuda" and device.index < papilio.cuda_device_count())


def _stream(device):
    """On a GPU the number of PyTorch's current stream, whose 0 is the legacy default stream; None on the CPU."""
    return None if device.type == "cpu" else torch.cuda.current_stream(device).cuda_stream or 1


def _in_use(device):
    """While Papilio computes it changes the thread's GPU in use."""
    return contextlib.nullcontext() if device.type == "cpu" else torch.cuda.device(device)


def from_torch(t):
    """A tensor of Papilio's on t's memory. On a GPU PyTorch's current stream waits for Papilio's when it is let go."""
    return papilio.from_dlpack(dlpack.to_dlpack(t.detach()), stream=_stream(t.device))


def to_torch(x):
    """A tensor of PyTorch's on x's memory. On a GPU PyTorch's current stream waits for Papilio's."""
    return dlpack.from_dlpack(x.detach().__dlpack__(stream=_stream(torch.device(x.device))))


class _Graph:
    """What one forward pass recorded: the result, and the leaves that it was computed from."""

    def __init__(self, y, leaves):
        self.y, self.leaves = y, leaves


class _Token(array.array):
    """A graph's number, which owns the graph: as long as PyTorch keeps a tensor on this memory, so long lives the graph.

    So checkpointing, which lets go of saved tensors and computes them again, does the same to graphs."""

    graph = None


def _keep(graph):
    number = next(_numbers)
    _graphs[number] = graph
    token = _Token("q", [number])
    token.graph = graph
    return torch.frombuffer(token, dtype=torch.int64)


class _Operation(torch.autograd.Function):
    @staticmethod
    def forward(ctx, compute, *tensors):
        wanted = ctx.needs_input_grad[1:]
        leaves = [None if t is None else from_torch(t) for t in tensors]
        if not any(wanted):
            with papilio.no_grad():
                return to_torch(compute(*leaves))
        for leaf, wants in zip(leaves, wanted):
            if wants:
                leaf.requires_grad_()
        with papilio.enable_grad():
            result = compute(*leaves)
        y = to_torch(result)
        # The tensors themselves only so that PyTorch notices if one is changed in place; their memory is the graph's.
        ctx.save_for_backward(_keep(_Graph(result, leaves)), y, *tensors)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        saved = ctx.saved_tensors  # holds what a checkpoint has computed again
        graph = _graphs.get(int(saved[0]))
        if graph is None:
            raise papilio.Error(
                "papilio.peft: a hook on saved tensors has moved them (save_on_cpu?), where what Papilio saved cannot "
                "follow; papilio.peft.restore(model) lets PEFT compute")
        papilio.backward(graph.y, from_torch(dy if dy.is_contiguous() else dy.contiguous()), retain_graph=True)
        gradients = []
        for leaf, wants in zip(graph.leaves, ctx.needs_input_grad[1:]):
            g = leaf.grad if wants else None
            gradients.append(None if g is None else to_torch(g))
            if wants:
                leaf.grad = None
        return (None, *gradients)


def call(compute, *tensors):
    """compute(*tensors) with tensors of Papilio's on the memory of these, as one operation of PyTorch's.

    A tensor may be None, but the first. Gradients flow to those that require one; in a second derivative PyTorch
    raises."""
    with _in_use(tensors[0].device):
        return _Operation.apply(compute, *tensors)
