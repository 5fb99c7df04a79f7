"""Class folders of small pictures in memory, divided as Papilio divides them (nn/data/splits.h), and what training does with
them (nn/data/transforms): padded crop, flip, RandAugment, erasing, mixup and CutMix.
"""

import math

import numpy
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms import v2

MEAN, STD = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
WORD = (1 << 64) - 1


def word_hash(h, word):
    """FNV-1a over a word and its end (nn/data/detail/word_hash.h)."""
    for byte in word.encode():
        h = (h ^ byte) * 0x100000001B3 & WORD
    return (h ^ 0x100) * 0x100000001B3 & WORD


def place(seed, class_name, name):
    """Where a picture stands in its class's order, whose beginning is held out."""
    h = word_hash(word_hash(0xCBF29CE484222325 ^ (seed * 0x9E3779B97F4A7C15 & WORD), class_name), name)
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    h = (h ^ (h >> 27)) * 0x94D049BB133111EB & WORD
    return h ^ (h >> 31)


def files_of(folder):
    """Of each class, in the order of names, its pictures' paths."""
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    endings = (".jpg", ".jpeg", ".png")
    return {name: sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in endings) for name in classes}


def divided(files, folder, share, seed):
    """What stays to train, and what is held out to validate."""
    train, held = {}, {}
    for name, paths in files.items():
        n = len(paths)
        count = min(max(int(share > 0 and n >= 3), math.floor(share * n + 0.5)), n - 1)
        out = set(sorted(paths, key=lambda p: place(seed, name, p.relative_to(folder / name).as_posix()))[:count])
        train[name] = [p for p in paths if p not in out]
        held[name] = [p for p in paths if p in out]
    return train, held


class Pictures:
    """pixels: (N, H, W, 3) bytes; labels: (N)"""

    def __init__(self, files, side):
        arrays, labels = [], []
        for label, paths in enumerate(files.values()):
            for path in paths:
                with Image.open(path) as image:
                    image = image.convert("RGB")
                    if image.size != (side, side):
                        image = image.resize((side, side), Image.BILINEAR)
                    arrays.append(numpy.asarray(image))
                labels.append(label)
        self.pixels = torch.from_numpy(numpy.stack(arrays or [numpy.empty((0, side, side, 3), numpy.uint8)]))
        self.labels = torch.tensor(labels)

    def __len__(self):
        return len(self.labels)

    def plain(self, begin, end):
        return normalised(self.pixels[begin:end].permute(0, 3, 1, 2)), self.labels[begin:end]


def normalised(pixels):
    """Bytes (B, 3, H, W) to floats of ImageNet's mean and deviation."""
    std = torch.tensor(STD).view(3, 1, 1)
    return pixels.float().mul_(1 / (255 * std)).sub_(torch.tensor(MEAN).view(3, 1, 1) / std)


class Augmentation:
    """r: the options of a run, by their names. A few batches are changed at a time, for RandAugment: its operations then work
    on all of their pictures at once that have drawn the same."""

    def __init__(self, pictures, r, classes):
        side = pictures.pixels.size(1)
        padded = r["crop"] == "padded" or (r["crop"] == "auto" and side <= 64)
        if not padded and r["crop"] != "none":
            raise SystemExit("--crop resized: not in this script")
        self.padding = r["padding"] if padded else 0
        self.pixels = F.pad(pictures.pixels, (0, 0, *4 * [self.padding]))
        self.labels, self.side, self.r, self.classes = pictures.labels, side, r, classes
        self.rand_augment = v2.RandAugment(1, r["magnitude"])

    def epoch(self, batch_size, together=16):
        """Batches in a new order: images (B, 3, H, W), and labels (B) or targets (B, classes)."""
        for index in torch.randperm(len(self.labels)).split(batch_size * (together if self.r["rand-augment"] else 1)):
            pixels = self.moved(index)
            for _ in range(self.r["rand-augment"]):
                self.random_operation(pixels)
            for images, labels in zip(pixels.split(batch_size), self.labels[index].split(batch_size)):
                images = normalised(images)
                if self.r["reprob"] > 0:
                    images *= self.kept(len(images))
                yield images, self.mixed(images, labels)

    def moved(self, index):
        """Cropped out of a margin of black, and mirrored: (n, 3, H, W), channels last."""
        n, side = len(index), torch.arange(self.side)
        top, left = torch.randint(2 * self.padding + 1, (2, n, 1))
        columns = torch.where(torch.rand(n, 1) < self.r["hflip"], side.flip(0), side) + left
        return self.pixels[index.view(n, 1, 1), (top + side).unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)

    def random_operation(self, pixels):
        """One of RandAugment's, of each picture, by torchvision's own code."""
        space = v2.RandAugment._AUGMENTATION_SPACE
        drawn, negative = torch.randint(len(space), (len(pixels),)), torch.rand(len(pixels)) < 0.5
        for number, (name, (magnitudes, signed)) in enumerate(space.items()):
            strengths = magnitudes(31, self.side, self.side)
            strength = 0.0 if strengths is None else float(strengths[self.r["magnitude"]])
            for sign in (1, -1) if signed else (1,):
                chosen = drawn == number
                if signed:
                    chosen &= negative == (sign < 0)
                if name != "Identity" and chosen.any():
                    pixels[chosen] = self.rand_augment._apply_image_or_video_transform(
                        pixels[chosen], name, sign * strength, self.rand_augment.interpolation, self.rand_augment._fill)

    def kept(self, n):
        """Random erasing: false in a rectangle, the first of ten that lies within, of 2 to 33 % of the area: (n, 1, H, W)."""
        side = self.side
        area = side * side * torch.empty(n, 10).uniform_(0.02, 0.33)
        ratio = torch.empty(n, 10).uniform_(math.log(0.3), math.log(3.3)).exp()
        h, w = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (h >= 1) & (w >= 1) & (h < side) & (w < side)
        first = fits.int().argmax(1, keepdim=True)
        h, w = h.gather(1, first), w.gather(1, first)
        works = fits.any(1, keepdim=True) & (torch.rand(n, 1) < self.r["reprob"])
        top, left = ((torch.rand(n, 1) * (side - length + 1)).floor() for length in (h, w))
        at = torch.arange(side)
        rows, columns = (at >= top) & (at < top + h) & works, (at >= left) & (at < left + w)
        return ~(rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)

    def mixed(self, images, labels):
        """Mixup or CutMix of picture i and B - 1 - i, in one proportion (nn/data/transforms/mixup.h). Returns the targets."""
        mixup, cutmix = self.r["mixup"], self.r["cutmix"]
        if mixup == 0 and cutmix == 0:
            return labels
        cut = cutmix > 0 and (mixup == 0 or torch.rand(()) < 0.5)
        keep = numpy.random.beta(*2 * [cutmix if cut else mixup])
        if cut:
            half = int(self.side * math.sqrt(1 - keep)) // 2
            y, x = numpy.random.randint(self.side, size=2)
            top, left = max(y - half, 0), max(x - half, 0)
            bottom, right = min(y + half, self.side), min(x + half, self.side)
            images[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
            keep = 1 - (bottom - top) * (right - left) / self.side**2
        else:
            images.lerp_(images.flip(0), 1 - keep)
        one_hot = F.one_hot(labels, self.classes).float()
        return one_hot.lerp(one_hot.flip(0), 1 - keep)
