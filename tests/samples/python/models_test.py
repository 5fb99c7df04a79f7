"""Models and adapters from Python."""

import copy
import json
import pickle
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
    model.save_pretrained(tmp_path)
    again = pp.from_pretrained(tmp_path).eval()
    assert again(x).tolist() == y.tolist() and again.class_names == model.class_names
    assert model.features(x).shape == (2, 16)
    assert [p.shape for p in model.attention_probabilities(x)] == [(2, 2, 5, 5)] * 2
    assert pp.from_config(tmp_path / "config.json").shape == model.shape
    with pytest.raises(pp.FileError):
        pp.from_pretrained(str(tmp_path / "nothing"))
    with pytest.raises(OSError):
        pp.from_config(str(tmp_path / "model.safetensors"))
    (tmp_path / "broken.json").write_bytes(b'{"model_type": "caf\xe9"}')  # the message quotes it
    with pytest.raises(pp.FileError, match="broken.json: not valid JSON"):
        pp.from_config(str(tmp_path / "broken.json"))


COPIES = [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy, copy.copy]


def trainable(model):
    return {name: p.requires_grad for name, p in model.parameters().items()}


@pytest.mark.parametrize("again", COPIES)
def test_copies_of_a_model(again):
    model = small_vit()
    model.set_trainable(False)
    model.set_trainable(True, "classifier")
    x = pp.randn((2, 1, 8, 8))
    for training in (True, False):
        twin = again(model.train(training))
        assert twin.training is training and twin.class_names == model.class_names and twin.device == "cpu"
        assert trainable(twin) == trainable(model)
        assert twin(x).tolist() == model(x).tolist()
    twin.parameters()["classifier.bias"].detach().fill_(9)
    assert twin.eval()(x).tolist() != model(x).tolist()


@pytest.mark.parametrize("again", COPIES)
def test_copies_of_adapters(again):
    model = small_vit().eval()
    x = pp.randn((2, 1, 8, 8))
    base = values(model(x))
    config = pp.BoftConfig(target_modules="all-linear", exclude_modules=["classifier"], modules_to_save=["classifier"],
                           init_weights=False)
    adapters = pp.get_peft_model(model, config, adapter_name="one")
    adapters.add_adapter("two", CONFIGS["LORA"]())
    adapters.add_adapter("three", CONFIGS["HRA"]())
    adapters.set_adapter(["two", "one"])
    adapters.set_strength("two", 0.5)
    for merged in ([], ["two", "one"]):
        if merged:
            adapters.merge()
        for training in (True, False):
            pp.manual_seed(1)
            twin = again(adapters.train(training))
            drawn = pp.randn((3,)).tolist()
            pp.manual_seed(1)
            assert drawn == pp.randn((3,)).tolist()
            assert twin.names == ["one", "two", "three"] and twin.active == ["two", "one"] and twin.merged == merged
            assert twin.model.training is training and twin.model.class_names == model.class_names
            assert trainable(twin.model) == trainable(model)
            y = values(adapters.eval()(x))
            assert np.abs(y - base).max() > 1e-4
            np.testing.assert_array_equal(values(twin.eval()(x)), y)
            for p in twin.model.parameters().values():
                p.detach().fill_(0.1)
            assert np.abs(values(twin(x)) - y).max() > 1e-4
            np.testing.assert_array_equal(values(adapters(x)), y)
    with adapters.disable():
        twin = again(adapters)
    np.testing.assert_array_equal(values(twin(x)), y)
    twin.unload()
    np.testing.assert_array_equal(values(twin.model(x)), base)
    with pytest.raises(pp.Error, match="the model carries adapters"):
        again(model)
    empty = pp.AdapterModel(small_vit())
    assert again(empty).names == [] and not any(trainable(again(empty).model).values())


def test_saving_an_adapter_that_is_not_there_names_those_that_are(tmp_path):
    adapters = pp.get_peft_model(small_vit(), CONFIGS["LORA"](), adapter_name="one")
    with pytest.raises(pp.ArgumentError, match="^save_adapter: there is no adapter named default; there are: one$"):
        adapters.save(tmp_path)


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
    config = CONFIGS[method]()
    assert copy.deepcopy(config).to_json() == pickle.loads(pickle.dumps(config)).to_json() == config.to_json()
    assert adapters.add_adapter("default", config) == []
    assert adapters.names == adapters.active == ["default"] and adapters.config("default").peft_type == method
    trainable, everything = adapters.count_parameters()
    assert 0 < trainable < everything and "default" in adapters.status()
    adapted = values(adapters(x))
    assert np.abs(adapted - base).max() > 1e-4
    with adapters.disable():
        np.testing.assert_allclose(values(adapters(x)), base, atol=1e-6)
    with pytest.raises(pp.Error):
        pickle.dumps(model)
    kept = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    for p in model.parameters().values():
        if p.requires_grad:
            p.detach().fill_(0.1)
    assert np.abs(values(adapters(x)) - adapted).max() > 1e-4
    model.load_state_dict(kept)
    np.testing.assert_array_equal(values(adapters(x)), adapted)
    folder = Path(adapters.save(tmp_path))
    assert json.loads((folder / "adapter_config.json").read_text())["peft_type"] == method
    other = pp.AdapterModel(small_vit()).eval()
    assert other.load(folder) == [] and not other.model.training
    np.testing.assert_allclose(values(other(x)), adapted, atol=1e-6)
    adapters.merge(safe_merge=True)
    assert adapters.merged == ["default"]
    np.testing.assert_allclose(values(adapters(x)), adapted, atol=1e-5)
    adapters.unmerge()
    adapters.merge_and_unload()
    np.testing.assert_allclose(values(model(x)), adapted, atol=1e-5)
    assert adapters.names == []
    for merge in (adapters.merge, adapters.merge_and_unload):
        with pytest.raises(pp.ArgumentError, match="holds no adapter"):
            merge()


def test_adapters_are_set_by_one_name_or_several():
    model = small_vit()
    adapters = pp.get_peft_model(model, CONFIGS["LORA"](), adapter_name="one")
    adapters.add_adapter("two", CONFIGS["LORA"]())
    assert adapters.active == ["one"] and adapters.model is model
    for names in ("two", ["two"], ["one", "two"], ("two", "one")):
        adapters.set_adapter(names)
        assert adapters.active == ([names] if names == "two" else list(names))
    with pytest.raises(pp.ArgumentError, match="three"):
        adapters.set_adapter("three")


def test_get_peft_model_leaves_a_model_that_it_cannot_take_as_it_was():
    model = small_vit()
    model.set_trainable(False, "vit.embeddings")
    trained = {n for n, p in model.parameters().items() if p.requires_grad}
    with pytest.raises(pp.ArgumentError, match="nowhere"):
        pp.get_peft_model(model, pp.BoftConfig(target_modules=["nowhere"]))
    with pytest.raises(TypeError):
        pp.get_peft_model(model, {"target_modules": TARGETS})
    assert {n for n, p in model.parameters().items() if p.requires_grad} == trained


def test_configurations_name_what_is_wrong():
    assert pp.OftConfig(r=4, target_modules=TARGETS).peft_type == "OFT"
    assert '"boft_block_size": 4' in pp.BoftConfig(target_modules=set(TARGETS)).to_json()
    with pytest.raises(pp.ArgumentError, match="boft_block"):
        pp.BoftConfig(boft_block_size=4, boft_block_num=4)
    with pytest.raises(pp.ArgumentError, match='^BoftConfig: unknown key "blocks"$'):
        pp.BoftConfig(blocks=3)
    with pytest.raises(pp.Error):
        pp.BoftConfig(boft_dropout="much")
    adapters = pp.AdapterModel(small_vit())
    with pytest.raises(pp.ArgumentError, match="nowhere"):
        adapters.add_adapter("default", pp.BoftConfig(target_modules=["nowhere"]))
    assert adapters.names == []
