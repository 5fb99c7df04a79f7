"""Figures: well-formed SVG that stands alone, with what was given in it."""

import xml.etree.ElementTree as ET

import numpy as np
import papilio as pp
import pytest
from papilio import figures

SVG = "{http://www.w3.org/2000/svg}"


def words(figure):
    root = ET.fromstring(figure.svg)
    assert root.tag == SVG + "svg" and root.find(SVG + "style") is not None
    return {"".join(t.itertext()) for t in root.iter(SVG + "text")}


def test_lines(tmp_path):
    figure = figures.line_chart({"BOFT": [3.0, 2.0, 1.0], "a < b & c": ([1, 10], np.array([1.0, 4.0]))}, title="Loss",
                                x_label="step", y_label="loss", log_y=True)
    assert {"Loss", "step", "loss", "BOFT", "a < b & c"} <= words(figure)
    figure.save(tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text(encoding="utf-8") == figure.svg
    html = figure._repr_html_()
    assert html.startswith("<img ") and "base64," in html and "<svg" not in html


def test_bars_and_samples():
    assert {"PEFT", "Papilio", "ms"} <= words(figures.bar_chart({"PEFT": 4, "Papilio": 1.5}, label="ms"))
    assert "degrees" in words(figures.histogram({"OFT": np.random.default_rng(0).normal(size=50)}, label="degrees", bins=5))


def test_matrices_and_pictures():
    assert {"Q"} <= words(figures.heat_map(pp.eye(4), title="Q", block=2))
    ink, colours = pp.rand((8, 8)), np.random.default_rng(0).random((3, 6, 6))
    grid = figures.image_grid([ink, colours], captions=["seven", "a cat"], overlays=[pp.rand((4, 4))], columns=2)
    assert {"seven", "a cat"} <= words(grid) and "data:image/png;base64," in grid.svg
    matrix = figures.confusion_matrix([0, 1, 1, 0], [0, 1, 0, -1], ["cat", "dog"])
    assert {"cat", "dog"} <= words(matrix)


def test_what_does_not_fit():
    with pytest.raises(pp.ArgumentError, match="line_chart: a: expected as many x as y, got 2 and 1"):
        figures.line_chart({"a": ([1, 2], [1])})
    with pytest.raises(pp.ArgumentError, match="heat_map: expected a matrix"):
        figures.heat_map(pp.zeros((2, 2, 2)))
    with pytest.raises(pp.ArgumentError, match="image_grid: expected"):
        figures.image_grid([pp.zeros((4, 2, 2))])
    ink, colours = np.zeros((2, 2)), np.zeros((3, 2, 2))
    with pytest.raises(pp.ArgumentError, match="at most 1 captions, one for a picture, got 2"):
        figures.image_grid([ink], captions=["a", "b"])
    with pytest.raises(pp.ArgumentError, match="at most 1 overlays, one for a picture, got 2"):
        figures.image_grid([ink], overlays=[ink, ink])
    for nothing in (ink, colours):
        nothing.flat[3] = np.nan
        with pytest.raises(pp.ArgumentError, match="image_grid: picture 1: expected numbers, got NaN at element 3"):
            figures.image_grid([np.ones((2, 2)), nothing])
    with pytest.raises(pp.ArgumentError, match="image_grid: overlay 0: expected numbers, got NaN at element 3"):
        figures.image_grid([np.ones((2, 2))], overlays=[ink])
    with pytest.raises(pp.ArgumentError, match="1 bin or more"):
        figures.histogram({"a": [1.0]}, bins=0)
    grown = pp.ones((2,)).requires_grad_() * 2
    assert "a" in words(figures.line_chart({"a": grown}))  # a tensor with a gradient is only read


def test_confusion_counts_what_there_is():
    names = ["cat", "dog"]
    for labels, predicted, message in [
        ([0, 1], [0], "expected an answer for each of 2 labels, got 1"),
        ([0, -1], [0, 0], r"labels\[1\]: expected a class of 0 to 1, got -1"),
        ([0, 1], [0, 2], r"predicted\[1\]: expected a class of -1 to 1, got 2"),
        ([0, 1], [0, -2], r"predicted\[1\]: expected a class of -1 to 1, got -2"),
        ([0.5, 1], [0, 1], r"labels\[0\]: expected a class of 0 to 1, got 0.5"),
        ([[0, 1]], [0, 1], r"expected labels \(N\), got shape \(1, 2\)"),
    ]:
        with pytest.raises(pp.ArgumentError, match="confusion_matrix: " + message):
            figures.confusion_matrix(labels, predicted, names)
    plain = figures.confusion_matrix([0, 1, 1], [0, 1, -1], names)
    assert figures.confusion_matrix(np.array([0, 1, 1]), pp.asarray([0, 1, -1]), names).svg == plain.svg
