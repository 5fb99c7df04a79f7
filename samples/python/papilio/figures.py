"""Pictures as SVG, in light and dark: a notebook shows them where they are made, save() writes a file.

Numbers come as lists, arrays or tensors. A series named after a method (BOFT, OFT, LoRA, HRA) has its colour everywhere.
"""

import base64

from papilio import _core

__all__ = ["Figure", "bar_chart", "confusion_matrix", "heat_map", "histogram", "image_grid", "line_chart"]


class Figure:
    """A picture: `svg` is its text."""

    def __init__(self, svg: str):
        self.svg = svg

    def _repr_html_(self):
        """As a picture of its own, whose styles touch nothing else on the page."""
        text = base64.b64encode(self.svg.encode()).decode()
        return f'<img alt="" src="data:image/svg+xml;base64,{text}"/>'

    def save(self, path) -> None:
        """Writes an SVG file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)

    def __repr__(self):
        return f"<papilio.figures.Figure of {len(self.svg)} characters; save(path) writes it>"


def _tensor(values):
    return _core.asarray(values).detach()


def _numbers(values):
    return [float(v) for v in _tensor(values).tolist()]


def _pairs(series):
    """x and y of each: a value is y, or (x, y)."""
    xs, ys = [], []
    for value in series.values():
        if isinstance(value, tuple):
            x, y = (_numbers(part) for part in value)
        else:
            y = _numbers(value)
            x = [float(i) for i in range(len(y))]
        xs.append(x)
        ys.append(y)
    return xs, ys


def line_chart(series, *, title="", x_label="", y_label="", log_x=False, log_y=False, width=560, height=340) -> Figure:
    """Curves: {label: y} or {label: (x, y)}."""
    xs, ys = _pairs(series)
    return Figure(_core._line_chart_svg(list(series), xs, ys, title, x_label, y_label, log_x, log_y, width, height))


def bar_chart(values, *, title="", label="", width=480) -> Figure:
    """Horizontal bars: {label: value}."""
    return Figure(_core._bar_chart_svg(list(values), _numbers(list(values.values())), title, label, width))


def histogram(samples, *, title="", label="", bins=40, width=480) -> Figure:
    """Shares of each sample in common bins: {label: values}."""
    values = [_numbers(v) for v in samples.values()]
    return Figure(_core._histogram_svg(list(samples), values, title, label, bins, width))


def heat_map(matrix, *, title="", block=0, range=None, size=320) -> Figure:
    """A matrix (rows, columns). block: a line after every so many; range: |value| of the full colour."""
    return Figure(_core._heat_map_svg(_tensor(matrix), title, block, range, size))


def image_grid(pictures, *, captions=(), overlays=(), title="", columns=8, tile=64) -> Figure:
    """Pictures side by side: (H, W) of 0 (paper) to 1 (ink), or (3, H, W) of 0 to 1. overlays: matrices over them."""
    pictures, overlays = ([_tensor(x) for x in them] for them in (pictures, overlays))
    return Figure(_core._image_grid_svg(pictures, [str(c) for c in captions], overlays, title, columns, tile))


def _classes(what, values, lowest, class_names):
    """Indices of classes, `lowest` and up."""
    values, expected = _tensor(values), range(lowest, len(class_names))
    if values.ndim != 1:
        raise _core.ArgumentError(f"confusion_matrix: expected {what} (N), got shape {values.shape}")
    values = values.tolist()
    for i, value in enumerate(values):
        if value not in expected:
            raise _core.ArgumentError(f"confusion_matrix: {what}[{i}]: expected a class of {lowest} to "
                                      f"{len(class_names) - 1}, got {value}")
    return [int(value) for value in values]


def confusion_matrix(labels, predicted, class_names, *, title="") -> Figure:
    """How often each class (a row) was taken for which (a column): labels (N) and answers (N). What has no answer, a
    predicted -1, is left out."""
    class_names = list(class_names)
    labels, predicted = _classes("labels", labels, 0, class_names), _classes("predicted", predicted, -1, class_names)
    if len(labels) != len(predicted):
        raise _core.ArgumentError(f"confusion_matrix: expected an answer for each of {len(labels)} labels, got "
                                  f"{len(predicted)}")
    counts = [[0] * len(class_names) for _ in class_names]
    for true, answer in zip(labels, predicted):
        if answer >= 0:
            counts[true][answer] += 1
    return Figure(_core._confusion_matrix_svg(counts, class_names, title))
