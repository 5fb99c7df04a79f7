"""What help() and editors show."""

import re
from pathlib import Path

import papilio as pp
import pytest

STUBS = Path(pp._core.__file__).with_name("_core.pyi")


def test_the_package_shows_its_own_names_alone():
    assert {"Tensor", "asarray", "fit", "get_peft_model", "BoftConfig", "peft", "figures", "__version__"} < set(pp.__all__)
    for name in pp.__all__:
        assert not re.search("_svg$|_in_child$|Scope$|^fit_steps$|^_core$", name)


def text_of(member):
    """The docstring, without the signatures that compiled functions begin it with."""
    overloads = getattr(member, "__nb_signature__", None)
    return "".join(text or "" for _, text, *_ in overloads) if isinstance(overloads, tuple) else member.__doc__


def undocumented(owner, names):
    return [f"{owner.__name__}.{name}" for name in names if not text_of(getattr(owner, name))]


def public(owner):
    return [name for name in vars(owner) if not name.startswith("_")]


def test_all_of_it_is_documented():
    values = {name for name in pp.__all__ if isinstance(getattr(pp, name), (pp.DType, str))}
    missing = undocumented(pp, sorted(set(pp.__all__) - values))
    for name in pp.__all__:
        member = getattr(pp, name)
        if isinstance(member, type) and not issubclass(member, (Exception, pp.DType, pp.GeluApproximate)):
            missing += undocumented(member, public(member))
    for module in (pp.figures, pp.peft):
        missing += undocumented(module, module.__all__)
    assert missing == []


def test_shapes_are_told():
    for function in (pp.linear, pp.conv2d, pp.cayley, pp.butterfly_rotation, pp.boft_linear, pp.lora_linear, pp.layer_norm,
                     pp.scaled_dot_product_attention, pp.cross_entropy, pp.images_from_arrays, pp.embedding, pp.matmul):
        assert re.search(r"\((\.\.\.|[A-Za-z]+)(, [\w /().]+)*\)", text_of(function)), function.__name__


def test_stubs_name_what_there_is():
    if not STUBS.exists():
        pytest.skip("this build has no stubs")
    text = STUBS.read_text(encoding="utf-8")
    compile(text, str(STUBS), "exec")
    named = set(re.findall(r"^(?:def|class) (\w+)", text, re.MULTILINE)) | set(re.findall(r"^(\w+): ", text, re.MULTILINE))
    compiled = {name for name in vars(pp._core) if not name.startswith("_")}
    assert compiled <= named
