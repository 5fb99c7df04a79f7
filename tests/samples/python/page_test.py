"""What samples/python/README.md shows runs, from top to bottom."""

import builtins
import re
from pathlib import Path

import papilio as pp
import pytest

PAGE = Path(__file__).parents[3] / "samples/python/README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    assert len(BLOCKS) == 4 and "import torch" in BLOCKS[3]
    for block in BLOCKS[:3]:
        exec(block, names)
    assert names["gradient"].shape == (2, 8) and len(names["history"]["loss"]) == 4
    assert pp.from_pretrained("finetuned").class_names == ["rows", "columns"] and Path("adapter/adapter_config.json").exists()


def test_the_page_with_pytorch():
    pytest.importorskip("peft")
    exec(BLOCKS[3], {"pp": pp})


def test_the_table_of_errors():
    rows = re.findall(r"^\| `papilio\.(\w+)` \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 5
    for name, base in rows:
        assert issubclass(getattr(pp, name), pp.Error) and issubclass(getattr(pp, name), getattr(builtins, base))
