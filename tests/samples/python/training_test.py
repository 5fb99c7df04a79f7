"""Training and evaluation from Python, and the data for it."""

import signal
import struct
import sys
import zlib

import numpy as np
import papilio as pp
import pytest

from small_vit import small_vit, stripes


def test_fit_learns_and_tells():
    data = stripes()
    model = small_vit()
    adapters = pp.AdapterModel(model)
    adapters.add_adapter("default", pp.BoftConfig(target_modules="all-linear", modules_to_save=["classifier"]))
    before = pp.evaluate(adapters, data)["loss"]
    seen = []
    history = pp.fit(adapters, data, epochs=8, batch_size=16, lr=2e-2, on_step=seen.append)
    assert history["step"] == list(range(1, 25)) and len(history["loss"]) == 24
    assert [s["loss"] for s in seen] == history["loss"] and set(seen[0]) == set(history)
    after = pp.evaluate(adapters, data)
    assert after["loss"] < 0.8 * before
    assert len(after["predicted"]) == len(data) == 48
    again = small_vit()
    twin = pp.AdapterModel(again)
    twin.add_adapter("default", pp.BoftConfig(target_modules="all-linear", modules_to_save=["classifier"]))
    assert pp.fit(twin, data, epochs=8, batch_size=16, lr=2e-2)["loss"] == history["loss"]


def test_fit_ends_when_asked():
    data, model = stripes(), small_vit()
    history = pp.fit(model, data, steps=50, batch_size=8, on_step=lambda s: s["step"] < 3)
    assert history["step"] == [1, 2, 3]

    def fails(step):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pp.fit(model, data, steps=5, on_step=fails)
    with pytest.raises(pp.ArgumentError, match="epochs or steps"):
        pp.fit(model, data)
    with pytest.raises(pp.ArgumentError):
        pp.fit(model, data, steps=1, schedule="zigzag")
    with pytest.raises(pp.NonFiniteError):
        pp.fit(model, data, steps=20, lr=1e30, max_gradient_norm=1e30)


def test_control_c_ends_between_two_steps():
    data, model = stripes(), small_vit()
    steps = []

    def press(step):
        steps.append(step["step"])
        if len(steps) == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
    try:
        with pytest.raises(KeyboardInterrupt):
            pp.fit(model, data, steps=50, batch_size=8, on_step=press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(steps) <= 3
    assert pp.fit(model, data, steps=1)["step"] == [1]


def arrays(n=48):
    """stripes() as arrays, in batches as a DataLoader gives them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    images = rng.normal(size=(n, 1, 8, 8)) + labels.reshape(-1, 1, 1, 1)
    return [(images[i:i + 16], labels[i:i + 16]) for i in range(0, n, 16)]


def test_fit_on_whatever_gives_batches():
    batches = arrays()
    history = pp.fit(small_vit(), batches, epochs=10, lr=1e-2)
    assert len(history["step"]) == 30 and history["samples"] == [16] * 30
    assert history["loss"][-1] < 0.7 * history["loss"][0]

    def endless():
        while True:
            yield from batches

    assert pp.fit(small_vit(), endless(), steps=30, lr=1e-2)["loss"] == history["loss"]
    assert len(pp.fit(small_vit(), iter(batches), steps=1, accumulation_steps=3)["step"]) == 1
    assert pp.fit(small_vit(), batches, epochs=2, accumulation_steps=3)["samples"] == [48, 48]


def test_evaluate_on_whatever_gives_batches():
    batches = arrays()
    images, labels = (np.concatenate([b[i] for b in batches]) for i in (0, 1))
    model = small_vit()
    expected = pp.evaluate(model, pp.images_from_arrays(images, labels, "abc"))
    for data in (batches, iter(batches), [(pp.tensor(x), pp.tensor(y)) for x, y in batches]):
        found = pp.evaluate(model, data)
        assert found["labels"] == expected["labels"] == labels.tolist()
        assert found["predicted"] == expected["predicted"] and found["loss"] == pytest.approx(expected["loss"])
    with pytest.raises(pp.ArgumentError, match="evaluate: expected batches"):
        pp.evaluate(model, [images])
    for nothing in ([], iter([])):
        with pytest.raises(pp.ArgumentError, match="empty"):
            pp.evaluate(model, nothing)
    with pytest.raises(pp.ArgumentError, match="something to iterate over, got int"):
        pp.evaluate(model, 3)


def test_one_buffer_for_every_batch():
    """What an iterator writes later does not change the batches that it gave before."""
    batches = [(images.astype(np.float32), labels) for images, labels in arrays()]
    buffers = [np.empty_like(x) for x in batches[0]]

    def refilled():
        for batch in batches:
            for buffer, x in zip(buffers, batch):
                buffer[...] = x
            yield tuple(buffers)

    expected, got = (pp.fit(small_vit(), data, steps=1, accumulation_steps=3) for data in (batches, refilled()))
    assert got["loss"] == expected["loss"] and got["gradient_norm"] == expected["gradient_norm"]


def test_batches_that_are_none():
    model, batches = small_vit(), arrays()
    with pytest.raises(pp.ArgumentError, match="begin no second time"):
        pp.fit(model, iter(batches), steps=4)
    with pytest.raises(pp.ArgumentError, match="without len"):
        pp.fit(model, iter(batches), epochs=1)
    with pytest.raises(pp.ArgumentError, match="something to iterate over, got int"):
        pp.fit(model, 3, steps=1)
    with pytest.raises(pp.ArgumentError, match="images, labels"):
        pp.fit(model, [np.zeros((2, 1, 8, 8))], steps=1)
    with pytest.raises(pp.ArgumentError, match="fit: expected labels that are integers, got float32"):
        pp.fit(model, [(np.zeros((2, 1, 8, 8)), np.array([0.4, 0.6], np.float32))], steps=1)
    with pytest.raises(pp.ArgumentError, match=r"expected images .B, C, H, W. and labels .B., got \(2, 8, 8\)"):
        pp.fit(model, [(np.zeros((2, 8, 8)), np.zeros(2, np.int64))], steps=1)

    def breaks():
        yield batches[0]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pp.fit(model, breaks(), steps=3)


def test_callbacks_and_a_bar(capsys):
    data, seen, also = stripes(), [], []
    history = pp.fit(small_vit(), data, steps=4, on_step=[seen.append, lambda s: also.append(s["step"])])
    assert [s["step"] for s in seen] == also == history["step"]
    stopped = pp.fit(small_vit(), data, steps=9, on_step=[lambda s: s["step"] < 2, seen.append])
    assert stopped["step"] == [1, 2] and seen[-1]["step"] == 2
    pytest.importorskip("tqdm")
    pp.fit(small_vit(), data, steps=3, progress=True)
    assert "3/3" in capsys.readouterr().err


def test_a_bar_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        pp.fit(small_vit(), stripes(), steps=1, progress=True)


def png(pixels):
    """Bytes of a grey PNG."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_data_from_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in "abc":
        (tmp_path / name).mkdir()
        for i in range(6):
            (tmp_path / name / f"{i}.png").write_bytes(png(rng.integers(0, 255, (10, 10), dtype=np.uint8)))
    model = small_vit()
    parts = pp.images_from_folder(tmp_path, model, hflip=0.5)
    assert parts["train"].class_names == ["a", "b", "c"] and sum(map(len, parts.values())) == 18
    assert len(pp.fit(model, parts["train"], epochs=1, batch_size=4)["step"]) > 0
    assert 0 <= pp.evaluate(model, parts["test"])["accuracy"] <= 1
    with pytest.raises(pp.FileError):
        pp.images_from_folder(str(tmp_path / "nothing"), model)


def test_arrays_for_data():
    images, labels = np.zeros((2, 1, 8, 8)), np.array([0, 3], np.int32)
    assert len(pp.images_from_arrays(images, labels, "abcd")) == 2
    with pytest.raises(pp.ArgumentError):
        pp.images_from_arrays(images, labels, ["a", "b"])
    with pytest.raises(pp.ArgumentError):
        pp.images_from_arrays(images[0], labels, ["a", "b", "c", "d"])
    with pytest.raises(pp.ArgumentError, match="images_from_arrays: expected labels that are integers, got float64"):
        pp.images_from_arrays(images, labels.astype(float), "abcd")
    with pytest.raises(pp.ArgumentError, match="byte order"):
        pp.images_from_arrays(images.astype(">f4"), labels, "abcd")


@pytest.mark.parametrize("make", [lambda p: pp.AdamW(p, lr=0.1), lambda p: pp.AdamW8bit(p, lr=0.1),
                                  lambda p: pp.SGD(p, lr=0.1, momentum=0.9)])
def test_optimisers(make):
    x = pp.tensor([3.0, -2.0], requires_grad=True)
    optimizer = make([x])
    for _ in range(60):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
    assert abs(x[0].item()) < 1.5 and optimizer.steps == 60
    state = optimizer.state_dict()
    other = make([x])
    other.load_state_dict(state)
    assert other.steps == 60
    optimizer.lr = 0.5
    assert optimizer.lr == 0.5
    frozen = np.ones(2, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(pp.ArgumentError, match="read-only"):
        make([pp.asarray(frozen).requires_grad_()])


def test_moments_in_8_bits():
    x = pp.tensor(np.zeros(8192, np.float32), requires_grad=True)
    optimizer = pp.AdamW8bit([x], lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        ((x - 1) * (x - 1)).sum().backward()
        optimizer.step()
    assert np.allclose(x.detach().numpy(), 1, atol=0.05)
    state = optimizer.state_dict()
    assert state["0.exp_avg"].dtype == pp.uint8 and state["0.exp_avg_sq_absmax"].shape == (32,)
