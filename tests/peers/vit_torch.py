"""Papilio's vision transformer from scratch (nn/models/vit.h) in plain PyTorch: the modules have its names, so that a model
folder's tensors load with strict=True. Patches or the convolutional stem of CCT, pooling by class token, mean or sequence.
"""

import torch
from torch import nn
from torch.nn import functional as F


class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.p == 0 or not self.training:
            return x
        kept = torch.empty(x.size(0), 1, 1, dtype=x.dtype).bernoulli_(1 - self.p)
        return x * (kept / (1 - self.p))


class ConvStem(nn.Module):
    """(B, C, H, W) -> (B, H / 2^n * W / 2^n, features) for n layers."""

    def __init__(self, channels, layers, features):
        super().__init__()
        widths = [channels] + [64] * (layers - 1) + [features]
        self.layer = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        # The faster order in memory, and tokens are then no copy.
        x = x.contiguous(memory_format=torch.channels_last)
        for conv in self.layer:
            x = F.max_pool2d(F.relu(conv(x)), 3, 2, 1)
        return x.flatten(2).transpose(1, 2)


class PatchEmbeddings(nn.Module):
    def __init__(self, channels, patch, features):
        super().__init__()
        self.projection = nn.Conv2d(channels, features, patch, patch)

    def forward(self, x):
        return self.projection(x).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, tokens = c["hidden_size"], (c["image_size"] // c["patch_size"]) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d)) if c["pooling"] == "cls" else None
        self.position_embeddings = nn.Parameter(torch.zeros(1, tokens + (c["pooling"] == "cls"), d))
        layers = c.get("conv_layers", 0)
        if layers:
            self.conv_stem = ConvStem(c["num_channels"], layers, d)
        else:
            self.patch_embeddings = PatchEmbeddings(c["num_channels"], c["patch_size"], d)
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])

    def forward(self, images):
        x = self.conv_stem(images) if hasattr(self, "conv_stem") else self.patch_embeddings(images)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.size(0), -1, -1), x], 1)
        return self.dropout(x + self.position_embeddings)


class Dense(nn.Module):
    """A linear layer one name deeper, as Transformers has it."""

    def __init__(self, features, out):
        super().__init__()
        self.dense = nn.Linear(features, out)

    def forward(self, x):
        return self.dense(x)


class Projections(nn.Module):
    def __init__(self, d, bias):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(d, d, bias) for _ in range(3))


def attend(q, k, v, p, written):
    """By PyTorch's fused operation or, `written` out, by products and a softmax, which is the faster one for few tokens under
    autocast: there the backward pass of the other is slow on a processor."""
    if written:
        return F.dropout((q @ k.transpose(2, 3) * q.size(3) ** -0.5).softmax(-1), p) @ v
    return F.scaled_dot_product_attention(q, k, v, dropout_p=p)


class Attention(nn.Module):
    written = False

    def __init__(self, c):
        super().__init__()
        d = c["hidden_size"]
        self.heads, self.p = c["num_attention_heads"], c["attention_probs_dropout_prob"]
        self.attention = Projections(d, c["qkv_bias"])
        self.output = Dense(d, d)
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])

    def forward(self, x):
        parts = (self.attention.query, self.attention.key, self.attention.value)
        q, k, v = (part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        y = attend(q, k, v, self.p if self.training else 0.0, self.written)
        return self.dropout(self.output(y.transpose(1, 2).flatten(2)))


class Layer(nn.Module):
    def __init__(self, c, drop_path):
        super().__init__()
        d, inner, eps = c["hidden_size"], c["intermediate_size"], c["layer_norm_eps"]
        self.attention = Attention(c)
        self.intermediate, self.output = Dense(d, inner), Dense(inner, d)
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(d, eps), nn.LayerNorm(d, eps)
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])
        self.drop_path = DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path(self.attention(self.layernorm_before(x)))
        return x + self.drop_path(self.dropout(self.output(F.gelu(self.intermediate(self.layernorm_after(x))))))


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        n, rate = c["num_hidden_layers"], c.get("drop_path_rate", 0.0)
        self.layer = nn.ModuleList(Layer(c, rate * i / (n - 1) if n > 1 else rate) for i in range(n))

    def forward(self, x):
        for layer in self.layer:
            x = layer(x)
        return x


class Backbone(nn.Module):
    """(B, C, H, W) -> (B, D)"""

    def __init__(self, c):
        super().__init__()
        self.pooling = c["pooling"]
        self.embeddings, self.encoder = Embeddings(c), Encoder(c)
        self.layernorm = nn.LayerNorm(c["hidden_size"], c["layer_norm_eps"])
        if self.pooling == "seq":
            self.attention_pool = nn.Linear(c["hidden_size"], 1)

    def forward(self, images):
        x = self.encoder(self.embeddings(images))
        if self.pooling == "cls":
            return self.layernorm(x[:, 0])
        x = self.layernorm(x)
        if self.pooling == "mean":
            return x.mean(1)
        return (self.attention_pool(x).softmax(1).transpose(1, 2) @ x).squeeze(1)


class VisionTransformer(nn.Module):
    """c: the fields of a model folder's config.json."""

    def __init__(self, c):
        super().__init__()
        if c.get("hidden_act", "gelu") != "gelu":
            raise SystemExit(f"hidden_act {c['hidden_act']}: this model has GELU only")
        self.vit = Backbone(c)
        self.classifier = nn.Linear(c["hidden_size"], c["num_labels"])

    def forward(self, images):
        return self.classifier(self.vit(images))

    def initialise(self, std):
        """N(0, std^2) cut off at two deviations, biases 0; the stem's convolutions N(0, 2 / fan_in)."""
        with torch.no_grad():
            for name, p in self.named_parameters():
                if name.endswith("bias"):
                    p.zero_()
                elif "conv_stem" in name:
                    nn.init.kaiming_normal_(p)
                elif p.dim() >= 2:
                    nn.init.trunc_normal_(p, std=std, a=-2 * std, b=2 * std)

    def decayed(self):
        """Parameters with weight decay, and those without."""
        groups = [], []
        for name, p in self.named_parameters():
            own = p.dim() < 2 or name.endswith(("cls_token", "position_embeddings"))
            groups[own].append(p)
        return groups
