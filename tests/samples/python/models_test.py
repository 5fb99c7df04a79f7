"""Models, adapters and training from Python."""

import copy
import json
import pickle
import signal
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import papilio as pp
import pytest

from small_vit import small_vit, stripes

TARGETS = ["query", "value"]


def test_a_model_and_its_folder(tmp_path):
    model = small_vit()
    model.eval()
    x = pp.randn((2, 1, 8, 8))
    y = model(x)
    assert y.shape == (2, 3) and model.class_names == ["a", "b", "c"] and model.shape["hidden_size"] == 16
    model.save_pretrained(str(tmp_path))
    again = pp.from_pretrained(str(tmp_path))
    again.eval()
    assert again(x).tolist() == y.tolist() and again.class_names == model.class_names
    assert model.features(x).shape == (2, 16)
    assert [p.shape for p in model.attention_probabilities(x)] == [(2, 2, 5, 5)] * 2
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        twin.eval()
        assert twin(x).tolist() == y.tolist()
    with pytest.raises(pp.FileError):
        pp.from_pretrained(str(tmp_path / "nothing"))
    with pytest.raises(OSError):
        pp.from_config(str(tmp_path / "model.safetensors"))


def test_devices_of_a_model():
    model = small_vit()
    assert model.device == "cpu" and model.to("cpu") is model
    with pytest.raises(pp.ArgumentError, match="to: expected cpu, cuda or cuda:N"):
        model.to("gpu")
    with pytest.raises(pp.ArgumentError, match="to: device cuda:77 is not available"):
        model.to("cuda:77")


def test_state_dicts_of_arrays():
    one, two = small_vit(1), small_vit(2)
    arrays = {name: t.numpy().copy() for name, t in one.state_dict().items()}
    assert two.load_state_dict(arrays) == {"missing": [], "unexpected": []}
    x = pp.randn((1, 1, 8, 8))
    one.eval(), two.eval()
    assert one(x).tolist() == two(x).tolist()
    with pytest.raises(pp.ArgumentError, match="classifier.bias"):
        two.load_state_dict({**arrays, "classifier.bias": np.zeros(4, np.float32)})
    del arrays["classifier.bias"]
    with pytest.raises(pp.ArgumentError):
        two.load_state_dict(arrays)
    assert two.load_state_dict(arrays, strict=False)["missing"] == ["classifier.bias"]


def test_what_trains():
    model = small_vit()
    model.set_trainable(False)
    model.set_trainable(True, name="classifier")
    assert {name for name, p in model.parameters().items() if p.requires_grad} == {"classifier.weight", "classifier.bias"}
    assert len(pp.fit(model, stripes(), steps=2)["step"]) == 2
    for wrong in ("head", "class", "classifier.weights"):
        with pytest.raises(pp.ArgumentError, match=f'no parameter and no module has the name "{wrong}"'):
            model.set_trainable(True, wrong)


def test_layer_1_is_not_layer_10():
    model = pp.vit(image_size=4, patch_size=4, hidden_size=2, num_hidden_layers=12, num_attention_heads=1,
                   intermediate_size=2, class_names=["a", "b"])
    names = set(model.parameters())
    for module in ("vit.encoder.layer.1", "vit.encoder.layer.1.", "vit.encoder.layer.1.output.dense.weight"):
        model.set_trainable(False)
        model.set_trainable(True, module)
        trainable = {name for name, p in model.parameters().items() if p.requires_grad}
        assert trainable == {n for n in names if n == module or n.startswith(module.rstrip(".") + ".")} != set()


CONFIGS = {
    "BOFT": lambda: pp.BoftConfig(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=TARGETS, init_weights=False),
    "OFT": lambda: pp.OftConfig(oft_block_size=8, target_modules=TARGETS, init_weights=False),
    "LORA": lambda: pp.LoraConfig(r=4, target_modules=TARGETS, init_lora_weights=False),
    "HRA": lambda: pp.HraConfig(r=4, target_modules=TARGETS, init_weights=False),
}


def values(x):
    return x.detach().numpy().copy()


@pytest.mark.parametrize("method", CONFIGS)
def test_adapters_live_as_in_peft(method, tmp_path):
    model = small_vit()
    model.eval()
    x = pp.randn((2, 1, 8, 8))
    base = values(model(x))
    adapters = pp.AdapterModel(model)
    assert adapters.add_adapter("default", CONFIGS[method]()) == []
    assert adapters.names == adapters.active == ["default"] and adapters.config("default").peft_type == method
    trainable, everything = adapters.count_parameters()
    assert 0 < trainable < everything and "default" in adapters.status()
    adapted = values(adapters(x))
    assert np.abs(adapted - base).max() > 1e-4
    with adapters.disable():
        np.testing.assert_allclose(values(adapters(x)), base, atol=1e-6)
    with pytest.raises(pp.Error):
        pickle.dumps(model)
    folder = Path(adapters.save(str(tmp_path)))
    assert json.loads((folder / "adapter_config.json").read_text())["peft_type"] == method
    other = pp.AdapterModel(small_vit())
    other.model.eval()
    assert other.load(str(folder)) == []
    np.testing.assert_allclose(values(other(x)), adapted, atol=1e-6)
    adapters.merge(safe_merge=True)
    assert adapters.merged == ["default"]
    np.testing.assert_allclose(values(adapters(x)), adapted, atol=1e-5)
    adapters.unmerge()
    adapters.merge_and_unload()
    np.testing.assert_allclose(values(model(x)), adapted, atol=1e-5)
    assert adapters.names == []


def test_configurations_name_what_is_wrong():
    assert pp.OftConfig(r=4, target_modules=TARGETS).peft_type == "OFT"
    assert '"boft_block_size": 4' in pp.BoftConfig(target_modules=set(TARGETS)).to_json()
    with pytest.raises(pp.ArgumentError, match="boft_block"):
        pp.BoftConfig(boft_block_size=4, boft_block_num=4)
    with pytest.raises(pp.ArgumentError, match="blocks"):
        pp.BoftConfig(blocks=3)
    with pytest.raises(pp.Error):
        pp.BoftConfig(boft_dropout="much")
    adapters = pp.AdapterModel(small_vit())
    with pytest.raises(pp.ArgumentError, match="nowhere"):
        adapters.add_adapter("default", pp.BoftConfig(target_modules=["nowhere"]))
    assert adapters.names == []


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
    parts = pp.images_from_folder(str(tmp_path), model, hflip=0.5)
    assert parts["train"].class_names == ["a", "b", "c"] and sum(map(len, parts.values())) == 18
    assert len(pp.fit(model, parts["train"], epochs=1, batch_size=4)["step"]) > 0
    assert 0 <= pp.evaluate(model, parts["test"])["accuracy"] <= 1
    with pytest.raises(pp.FileError):
        pp.images_from_folder(str(tmp_path / "nothing"), model)


def test_wrong_arrays_for_data():
    images, labels = np.zeros((2, 1, 8, 8), np.float32), np.array([0, 3])
    with pytest.raises(pp.ArgumentError):
        pp.images_from_arrays(pp.asarray(images), pp.asarray(labels), ["a", "b"])
    with pytest.raises(pp.ArgumentError):
        pp.images_from_arrays(pp.asarray(images[0]), pp.asarray(labels), ["a", "b", "c", "d"])


@pytest.mark.parametrize("make", [lambda p: pp.AdamW(p, lr=0.1), lambda p: pp.SGD(p, lr=0.1, momentum=0.9)])
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
