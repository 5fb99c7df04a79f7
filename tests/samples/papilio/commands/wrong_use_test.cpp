// The papilio program used wrongly, or on broken files.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::check_refused;
using test::RefusedCommand;
using test::train_base;
using test::words;
using test::Workplace;

namespace {

// A model and adapters, and files that are broken in many ways.
void make_files(const Workplace& at) {
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query --out a"));
  at.json(words("train --hidden-size 24 --layers 1 --heads 2 --epochs 1 --classes 0-1 --out wide"));
  std::filesystem::copy(at / "base", at / "cut");
  std::filesystem::resize_file(at / "cut/model.safetensors", 1000);
  std::filesystem::create_directory(at / "empty");
  test::write_bytes(at / "bad.toml", "epochs = 3\nepoch = 4\n");
  test::write_bytes(at / "broken.toml", "epochs = 3\nout = runs\n");
  test::write_bytes(at / "short.csv", "1,2,3\n");
  // std::regex ended here in a stack overflow.
  std::string nested = at.bytes("a/adapter_config.json");
  const std::string target = "\"target_modules\": [\n    \"query\"\n  ]";
  REQUIRE(nested.find(target) != std::string::npos);
  nested.replace(
      nested.find(target), target.size(),
      "\"target_modules\": \"" + std::string(30000, '(') + 'a' + std::string(30000, ')') + '"');
  test::write_bytes(at / "nested.json", nested);
  std::filesystem::copy(at / "a", at / "nested");
  test::write_bytes(at / "nested/adapter_config.json", nested);
  test::write_bytes(at / "loud.csv", std::string(40, 'x') + "\n");
  test::write_bytes(at / "photo.png", "\x89PNG\r\n\x1a\n");
  test::write_bytes(at / "noise.safetensors", "\x3c\xff\xff");
}

// Command lines, train's options, devices and files of settings.
const std::vector<RefusedCommand> kGeneral{
    {"frobnicate", 2, "papilio: unknown command frobnicate"},
    {"tarin", 2, "papilio: unknown command tarin; did you mean train?"},
    {"--verison", 2, "papilio: unknown option --verison; did you mean --version?"},
    {"train --epoch 3", 2, "papilio train: unknown option --epoch; did you mean --epochs?"},
    {"train --epochs", 2, "papilio train: --epochs: expected a value behind it"},
    {"train --epochs 1 --epochs 2", 2, "papilio train: --epochs: given more than once"},
    {"train --epochs many", 2,
     "papilio train: --epochs: expected a whole number from 1 to 1000000, got \"many\""},
    {"train --lr inf", 2, "papilio train: --lr: expected a number >= 0, got \"inf\""},
    {"train -- --top", 2, "papilio train: unexpected \"--top\"; usage: papilio train [options]"},
    {"train --lr -1", 2, "papilio train: --lr: expected a number >= 0, got \"-1\""},
    {"train --label-smoothing 1", 2,
     "papilio train: --label-smoothing: expected a number from 0 to below 1, got \"1\""},
    {"train --schedule cosin", 2,
     "papilio train: --schedule: expected cosine, linear, constant, got \"cosin\"; did you mean "
     "cosine?"},
    {"train --classes 5-12", 2, "papilio train: --classes: there is no class 12; there are 0 to 9"},
    {"train --classes zero", 2,
     "papilio train: --classes: expected numbers like 3, 0-4 or 0,2,5-7, got \"zero\""},
    {"train --hidden-size 10 --heads 4", 2,
     "papilio train: ViTConfig: hidden_size 10 is not a multiple of num_attention_heads 4"},
    {"train --precision float16", 2,
     "papilio train: --precision: expected float32, bfloat16, got \"float16\""},
    {"train --device tpu", 2, "papilio train: --device: expected cpu, cuda or cuda:N, got \"tpu\""},
    {"train --device cuda:77", 2,
     "papilio train: --device: device cuda:77 is not available: this "},
    {"finetune base --device cuda:77", 2, "papilio finetune: --device: device cuda:77 is not"},
    {"evaluate base --device cuda:-1", 2,
     "papilio evaluate: --device: expected cpu, cuda or cuda:N, got \"cuda:-1\""},
    {"predict base --digit 0 --device cuda:77", 2, "papilio predict: --device: device cuda:77"},
    {"demo --device tpu", 2, "papilio demo: --device: expected cpu, cuda or cuda:N, got \"tpu\""},
    {"merge base a --out m --device cuda:77", 2, "papilio merge: --device: device cuda:77"},
    {"train --cuda-graph", 2, "papilio train: --cuda-graph: has a meaning only with --device cuda"},
    {"train --json=maybe", 2, "papilio train: --json: expected true or false, got \"maybe\""},
    {"train --momentum 0.5", 2,
     "papilio train: --momentum: has a meaning only with --optimizer sgd"},
    {"train surplus", 2, "papilio train: unexpected \"surplus\"; usage: papilio train [options]"},
    {"train --out base", 2,
     "papilio train: --out: base holds a model already; choose another folder, or "
     "--overwrite"},
    {"finetune base --out base --overwrite", 2,
     "papilio finetune: --out: base holds a model; choose another folder"},
    {"inspect -- --odd", 1, "papilio inspect: --odd: there is no such file or folder"},
    {"train --config bad.toml", 2,
     "papilio train: bad.toml, line 2: unknown key epoch; did you mean epochs?"},
    {"train --config broken.toml", 1,
     "papilio train: broken.toml, line 2: expected a number, true, false, [...] or a string in "
     "quotes, got 'runs'"},
    {"train --config base/run.toml --config a/run.toml", 2,
     "papilio train: --config: given more than once"},
    {"train --config a/run.toml", 2,
     "papilio train: a/run.toml, line 2: settings of papilio finetune, not of train"},
    {"train --config .", 1, "papilio train: .: is a folder, not a file"},
    {"train --config missing.toml", 1, "papilio train: missing.toml: there is no such file"},
};

// finetune, and merge's folder.
const std::vector<RefusedCommand> kFinetune{
    {"finetune", 2, "papilio finetune: missing MODEL; usage: papilio finetune MODEL [options]"},
    {"finetune nowhere", 1, "papilio finetune: nowhere: there is no such folder"},
    {"finetune a", 1, "papilio finetune: a: holds an adapter, not a model"},
    {"finetune cut", 1, "cut/model.safetensors"},
    {"finetune base -b 5", 2, "boft_block_size 5 does not divide 16 coordinates"},
    {"finetune base -m 4", 2, "nearest valid boft_block_size: 2"},
    {"finetune base --method oft -m 2", 2, "papilio finetune: --factors: has a meaning only with"},
    {"finetune base --method lora --apply-gs", 2,
     "papilio finetune: --apply-gs: has a meaning only with --method hra"},
    {"finetune base --method full -b 4", 2, "papilio finetune: --block-size: has a meaning only"},
    {"finetune base -b 4 -n 4", 2, "papilio finetune: --block-num: give it or --block-size"},
    {"finetune base -t qury", 2, "qury"},
    {"finetune base -t classifier", 2,
     "{classifier} matches no module that can be adapted; there are: "
     "vit.embeddings.patch_embeddings.projection, attention.attention.query, "},
    {"finetune base -t " + std::string(70000, 'a') + "+", 2,
     "expected a regular expression of at most"},
    {"finetune base --modules-to-save classifier,\xff", 2,
     "papilio finetune: --modules-to-save: byte 11 is not UTF-8"},
    {"finetune base --modules-to-save classifier,\x01", 2,
     "papilio finetune: --modules-to-save: expected text without control characters"},
    {"merge base a --out base/config.json", 1, "papilio merge: base/config.json"},
    {"finetune base --bias lora_only", 2, "expected bias to be"},
    {"finetune base --head keep", 2, "papilio finetune: --head keep: the classes differ"},
    {"finetune base --layers-to-transform 4", 2, "there is no layer 4; there are 0 to 0"},
};

// Commands that read models, adapters and images.
const std::vector<RefusedCommand> kReading{
    {"evaluate base --classifier empty", 1, "papilio evaluate: empty: holds no model"},
    {"evaluate base --classifier wide", 2,
     "papilio evaluate: wide: its classifier takes 24 features, the model has 16"},
    {"evaluate base --classes 1-2", 2,
     "papilio evaluate: --classes: the model has no class 2; it has 0, 1"},
    {"evaluate empty", 1, "papilio evaluate: empty: holds no model"},
    {"evaluate base --adapter empty", 1, "papilio evaluate: empty: holds no adapter"},
    {"merge base a", 2,
     "papilio merge: missing --out; usage: papilio merge MODEL ADAPTER --out DIR [options]"},
    {"predict base", 2, "papilio predict: nothing to predict"},
    {"predict base --digit 1797", 2, "there is no digit 1797; there are 0 to 1796"},
    {"predict base short.csv", 1,
     "papilio predict: short.csv, line 1: expected 64 pixels, and a label if there is one, got 3 "
     "values"},
    {"predict base loud.csv", 1, "loud.csv, line 1: expected 64 pixels"},
    {"predict base empty", 1, "papilio predict: empty: holds no picture (.jpg, .jpeg or .png)"},
    {"predict base nowhere", 1, "papilio predict: nowhere: there is no such file"},
    {"predict base --digit 1 --out x.txt", 2, "--out: expected FILE.csv or FILE.json, got x.txt"},
    {"predict base photo.png", 1,
     "papilio predict: photo.png: the PNG data is corrupt (it ends too early)"},
    {"inspect noise.safetensors", 1, "papilio inspect: noise.safetensors"},
    {"inspect cut", 1, "cut/model.safetensors"},
    {"inspect empty", 1, "papilio inspect: empty: holds neither a model"},
    {"inspect --would-adapt base/config.json base", 1, "peft_type"},
    {"inspect --would-adapt nested.json base", 1,
     "papilio inspect: nested.json: target_modules: "
     "\"((((((((((((((((((((((((((((((((((((((((((("},
    {"evaluate base --adapter nested", 1, "papilio evaluate: nested: target_modules: \"((((((("},
};

}  // namespace

TEST_CASE("wrong use and broken files: one clear line, and the exit code") {
  const Workplace at;
  make_files(at);
  for (const auto* cases : {&kGeneral, &kFinetune, &kReading}) check_refused(at, *cases);
  CHECK(at.run({"train", "--out", ""}).err ==
        "papilio train: --out: expected a folder's name, got \"\"\n");
  CHECK(at.run({"evaluate", ""}).err ==
        "papilio evaluate: missing MODEL; usage: papilio evaluate MODEL [options]\n");
  // None of them left results behind.
  CHECK(!std::filesystem::exists(at / "runs"));
}
