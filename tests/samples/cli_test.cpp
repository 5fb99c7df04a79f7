// The papilio program: what its commands write and say, on models that train in moments.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "autograd/anomaly.h"
#include "boft/checkpoint.h"
#include "nn/models/pretrained.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/safetensors.h"
#include "tests/samples/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

namespace {

// Four steps of a model of 5 tokens of width 16.
const std::string kTiny =
    "--hidden-size 16 --layers 1 --heads 2 --patch-size 4 --epochs 1 --batch-size 70 ";

void train_base(const Workplace& at) {
  at.json(words("train --classes 0-1 --out base " + kTiny));
}

bool exists(const Workplace& at, const char* file) {
  return std::filesystem::exists(at / file);
}

}  // namespace

TEST_CASE("train writes a model folder, its log and its settings") {
  const Workplace at;
  const auto result = at.run(words("train --classes 0,3-4 --out runs/m " + kTiny));
  REQUIRE_MESSAGE(result.code == 0, result.err);
  CHECK(result.out.find("test accuracy") != std::string::npos);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(at / "runs/m");
  CHECK(loaded.class_names == std::vector<std::string>{"0", "3", "4"});
  CHECK(loaded.model->shape().hidden_size == 16);
  CHECK(loaded.model->shape().intermediate_size == 64);
  CHECK(at.bytes("runs/m/log.csv").starts_with("epoch,step,loss,lr,"));
  const std::string settings = at.bytes("runs/m/run.toml");
  CHECK(settings.starts_with("version = \""));
  for (const char* line : {"command = \"train\"\n", "classes = \"0,3-4\"\n", "hidden-size = 16\n",
                           "intermediate-size = 64\n", "seed = 0\n"})
    CHECK_MESSAGE(settings.find(line) != std::string::npos, line);
}

TEST_CASE("the same seed gives the same files, another seed others; run.toml runs again") {
  const Workplace at;
  const std::string line = "train --classes 0-1 --dropout 0.1 " + kTiny;
  for (const char* seed : {"a --seed 3", "b --seed 3", "c --seed 4"})
    at.json(words(line + "--out " + seed));
  at.json(words("train --config a/run.toml --out d"));
  at.json(words("train --config a/run.toml --out e --seed 4"));
  const std::string bytes = at.bytes("a/model.safetensors");
  CHECK(bytes == at.bytes("b/model.safetensors"));
  CHECK(bytes == at.bytes("d/model.safetensors"));
  CHECK(bytes != at.bytes("c/model.safetensors"));
  CHECK(at.bytes("c/model.safetensors") == at.bytes("e/model.safetensors"));
  CHECK(at.bytes("a/config.json") == at.bytes("b/config.json"));
}

TEST_CASE("a compact convolutional transformer trains, is read back and adapted") {
  const Workplace at;
  at.json(
      words("train --conv-layers 1 --pooling seq --attention-dropout 0.1 --drop-path 0.1 "
            "--hidden-size 16 --layers 2 --heads 2 --epochs 1 --batch-size 70 --out cct"));
  const std::string settings = at.bytes("cct/run.toml");
  CHECK(settings.find("conv-layers = 1\n") != std::string::npos);
  CHECK(settings.find("patch-size") == std::string::npos);
  const auto model = at.json(words("inspect cct"));
  CHECK(model["patch_size"] == 2);
  at.json(words("finetune cct -t query,value -b 4 -m 2 --epochs 1 --out tuned"));
  CHECK(at.json(words("evaluate cct --adapter tuned"))["images"].get<int>() > 300);
  const auto outcome = at.run(words("train --conv-layers 1 --patch-size 2 --out other"));
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "papilio train: --patch-size: has a meaning only with --conv-layers 0\n");
}

TEST_CASE("every method finetunes; evaluating and merging agree with it") {
  const Workplace at;
  train_base(at);
  const auto before = at.json(words("evaluate base"));
  for (const char* method : {"boft -b 4 -m 2 --bias boft_only", "oft -b 8",
                             "lora -r 2 -t query,value", "linear", "full"}) {
    CAPTURE(method);
    const bool adapter = method[0] != 'f' && std::string(method) != "linear";
    std::filesystem::remove_all(at / "tuned");
    std::filesystem::remove_all(at / "merged");
    const auto tuned = at.json(words(
        "finetune base --classes 5-7 --epochs 2 --out tuned --method " + std::string(method)));
    CHECK(tuned["classes"] == std::vector<std::string>{"5", "6", "7"});
    CHECK(tuned["trainable_parameters"] <= tuned["all_parameters"]);
    const auto loaded =
        at.json(words(adapter ? "evaluate base --adapter tuned" : "evaluate tuned"));
    CHECK(loaded["accuracy"] == tuned["test_accuracy"]);
    CHECK(loaded["loss"] == tuned["test_loss"]);
    // A new head alone changes nothing of what the old one sees; the others do.
    const auto kept = at.json(words((adapter ? "evaluate base --adapter tuned" : "evaluate tuned") +
                                    std::string(" --classifier base")));
    CHECK(kept["classes"] == before["classes"]);
    CHECK((kept["loss"] == before["loss"]) == (std::string(method) == "linear"));
    if (!adapter) continue;
    const auto merged = at.json(words("merge base tuned --out merged --safe"));
    CHECK(merged["largest_logit_difference"] < 1e-4);
    const auto plain = at.json(words("evaluate merged"));
    CHECK(plain["accuracy"] == tuned["test_accuracy"]);
    CHECK(plain["loss"].get<double>() == doctest::Approx(tuned["test_loss"].get<double>()));
    CHECK(plain["confusion"] == loaded["confusion"]);
  }
}

TEST_CASE("an adapter's settings follow the options") {
  const Workplace at;
  train_base(at);
  at.json({"finetune", "base", "--classes", "0-1", "--epochs", "1", "-n", "2", "--dropout", "0.5",
           "-t", ".*\\.(query|value)", "--exclude-modules", "key", "--out", "a"});
  nn::PretrainedClassifier loaded = nn::from_pretrained(at / "base");
  boft::AdapterModel model(*loaded.model);
  boft::load_adapter(model, at / "a");
  const auto config = std::get<boft::BoftConfig>(model.config("default"));
  CHECK(config.boft_block_size == 0);
  CHECK(config.boft_block_num == 2);
  CHECK(config.boft_n_butterfly_factor == 2);
  CHECK(config.boft_dropout == 0.5);
  CHECK(config.target_modules == boft::ModuleNames(".*\\.(query|value)"));
  CHECK(config.exclude_modules == boft::ModuleNames{"key"});
  CHECK(model.layers("default").size() == 2);
  // What the file says survives its way through TOML.
  at.json(words("finetune --config a/run.toml --out b"));
  CHECK(at.bytes("a/adapter_config.json") == at.bytes("b/adapter_config.json"));
  CHECK(at.bytes("a/adapter_model.safetensors") == at.bytes("b/adapter_model.safetensors"));
  // Drop path changes the training, and stays out of run.toml where it was not asked for.
  CHECK(at.bytes("a/run.toml").find("drop-path") == std::string::npos);
  at.json(words("finetune --config a/run.toml --drop-path 0.5 --out d"));
  CHECK(at.bytes("d/run.toml").find("drop-path = 0.5\n") != std::string::npos);
  CHECK(at.bytes("a/adapter_model.safetensors") != at.bytes("d/adapter_model.safetensors"));
  // The pattern of a whole path knows no layers: that is said.
  const auto warned =
      at.run(words("finetune base --epochs 1 -t .*query --layers-to-transform 0 "
                   "--quiet --out c"));
  CHECK(warned.code == 0);
  CHECK(warned.err.starts_with("papilio finetune: warning: layers_to_transform is ignored"));
}

TEST_CASE("predict: built-in digits and CSV files") {
  const Workplace at;
  train_base(at);
  const auto two = at.json(words("predict base --digit 0,10-11 --top 1"));
  REQUIRE(two["predictions"].size() == 3);
  CHECK(two["predictions"][0]["label"] == "0");
  CHECK(two["predictions"][0]["top"].size() == 1);
  std::string line, values;
  for (int i = 0; i < 64; ++i) values += (i > 0 ? "," : "") + std::to_string(i % 17);
  test::write_bytes(at / "mine.csv", values + "\r\n" + values + ",7\n");
  const auto mine = at.json(words("predict base mine.csv"));
  REQUIRE(mine["predictions"].size() == 2);
  CHECK(mine["predictions"][0]["label"].is_null());
  CHECK(mine["predictions"][1]["label"] == "7");
  // sgemm may round a row differently at another place of its batch.
  CHECK(mine["predictions"][0]["probability"].get<double>() ==
        doctest::Approx(mine["predictions"][1]["probability"].get<double>()).epsilon(1e-5));
  CHECK(at.run(words("predict base mine.csv")).out.find("mine.csv, line 2  7") !=
        std::string::npos);
  // Several files, and a spreadsheet's byte order mark.
  test::write_bytes(at / "sheet.csv", "\xef\xbb\xbf" + values + '\n');
  const auto both = at.json(words("predict base sheet.csv mine.csv --digit 3"));
  REQUIRE(both["predictions"].size() == 4);
  CHECK(both["predictions"][0]["image"] == "sheet.csv, line 1");
  CHECK(both["predictions"][2]["image"] == "mine.csv, line 2");
}

TEST_CASE("convert: boft, oft, compact, peft and merged; what cannot be said is refused") {
  const Workplace at;
  train_base(at);
  const std::string common = " --classes 2-4 --epochs 1 -t query";
  at.json(words("finetune base --method oft --cayley-neumann 0 -b 8 --out oft" + common));
  at.json(words("finetune base --method oft --out series" + common));
  at.json(words("finetune base -b 4 -m 2 --out boft" + common));
  const auto loss = [&](const std::string& adapter) {
    return at.json(words("evaluate base --adapter " + adapter))["loss"].get<double>();
  };
  CHECK(at.json(words("convert oft --to boft --base base --out as_boft"))["peft_type"] == "BOFT");
  CHECK(loss("as_boft") == doctest::Approx(loss("oft")).epsilon(1e-6));
  at.json(words("convert as_boft --to oft --out again"));
  CHECK(at.bytes("again/adapter_model.safetensors") == at.bytes("oft/adapter_model.safetensors"));
  at.json(words("convert boft --to compact --out compact"));
  CHECK(loss("compact") == loss("boft"));
  CHECK(at.bytes("compact/adapter_model.compact.safetensors").size() <
        at.bytes("boft/adapter_model.safetensors").size());
  CHECK(at.json(words("inspect compact"))["layers"] == at.json(words("inspect boft"))["layers"]);
  at.json(words("convert compact --to peft --out peft"));
  CHECK(loss("peft") == loss("boft"));
  at.json(words("convert boft --to merged --base base --out merged"));
  CHECK(at.json(words("evaluate merged --classes 2-4"))["loss"].get<double>() ==
        doctest::Approx(loss("boft")).epsilon(1e-4));
  // Weights that are not finite are refused, never written.
  auto broken = load_safetensors(at / "boft" / "adapter_model.safetensors").tensors;
  for (auto& [key, tensor] : broken)
    if (key.ends_with("boft_s")) tensor = full(tensor.shape(), std::nan(""));
  save_safetensors(at / "peft" / "adapter_model.safetensors", broken);
  const auto refused_nan = at.run(words("convert peft --to merged --base base --out nan"));
  CHECK(refused_nan.code == 1);
  CHECK(refused_nan.err.find("NaNs detected in the merged weights") != std::string::npos);
  CHECK(!std::filesystem::exists(at / "nan" / "model.safetensors"));
  const auto series = at.json(words("inspect series"))["layers"][0];
  CHECK(series["block_size"] == 8);
  CHECK(series["parameters"] == series["degrees_of_freedom"]);
  for (const auto& [line, message] : std::vector<std::pair<std::string, std::string>>{
           {"convert oft --to boft --out x", "--to boft: needs the model that the adapter is for"},
           {"convert boft --to oft --out x", "has 2 butterfly factors; OFT has one"},
           {"convert series --to boft --base base --out x", "uses the Cayley-Neumann series"},
           {"convert oft --to compact --out x",
            "--to compact: a form of BOFT only; oft holds OFT"}}) {
    CAPTURE(line);
    const auto refused = at.run(words(line));
    CHECK(refused.code == 2);
    CHECK(refused.err.find(message) != std::string::npos);
    CHECK(!std::filesystem::exists(at / "x"));
  }
}

TEST_CASE("inspect --would-adapt: every layer that does not fit, with what would") {
  const Workplace at;
  train_base(at);
  test::write_bytes(at / "c.json", R"({"peft_type": "BOFT", "boft_block_size": 12,
                                       "target_modules": ["query", "output.dense"]})");
  const auto result = at.run(words("inspect --would-adapt c.json base --json"));
  CHECK(result.code == 1);
  const auto report = nlohmann::json::parse(result.out);
  CHECK(report["fits"] == false);
  REQUIRE(report["layers"].size() >= 3);
  for (const auto& layer : report["layers"]) {
    CHECK(layer["problem"].get<std::string>().find("nearest valid boft_block_size: ") !=
          std::string::npos);
    CHECK(layer["shape"].size() == 2);
  }
  test::write_bytes(at / "c.json",
                    R"({"peft_type": "OFT", "oft_block_size": 12, "peft_version": "0.18.0",
                                       "target_modules": ["query"]})");
  const auto oft = at.json(words("inspect --would-adapt c.json base"));
  CHECK(oft["fits"] == true);
  CHECK(oft["notes"][0].get<std::string>().find("adjusted to ") != std::string::npos);
}

TEST_CASE("inspect: models, adapters, files, and what a configuration would adapt") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -b 4 -m 2 -t query --out a"));
  at.json(words("finetune base --classes 2-4 --epochs 1 --method lora -r 2 -t query --out l"));
  const auto model = at.json(words("inspect base --json=false --json"));
  CHECK(model["kind"] == "model");
  CHECK(model["classes"] == std::vector<std::string>{"0", "1"});
  const auto adapter = at.json(words("inspect a"));
  CHECK(adapter["kind"] == "adapter");
  REQUIRE(adapter["layers"].size() == 1);
  const auto& layer = adapter["layers"][0];
  CHECK(layer["path"] == "vit.encoder.layer.0.attention.attention.query");
  CHECK(layer["block_size"] == 4);
  CHECK(layer["block_num"] == 4);
  CHECK(layer["factors"] == 2);
  CHECK(layer["parameters"] == 2 * 4 * 16 + 16);
  CHECK(layer["degrees_of_freedom"] == 2 * 4 * 6 + 16);
  CHECK(layer["orthogonality_error"] < 1e-5);
  CHECK(layer["largest_angle_degrees"] > 0);
  const auto lora = at.json(words("inspect l"));
  CHECK(lora["layers"][0]["r"] == 2);
  CHECK(lora["parameters"] == 64);
  const auto file = at.json(words("inspect a/adapter_model.safetensors"));
  CHECK(file["kind"] == "safetensors");
  CHECK(file["metadata"]["format"] == "pt");
  CHECK(file["tensors"].size() == 4);
  const auto would = at.json(words("inspect --would-adapt a/adapter_config.json base"));
  CHECK(would["layers"][0]["parameters"] == layer["parameters"]);
  CHECK(would["trained_in_full"].size() == 2);
  for (const char* path : {"base", "a", "l", "a/adapter_model.safetensors"})
    CHECK(at.run({"inspect", path}).code == 0);
}

TEST_CASE(
    "an adapter whose numbers, names or head are not what they should be: a warning says so") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 5-6 --epochs 1 -b 4 -m 2 -t query --out a"));
  const auto says = [&](const std::string& line) {
    const auto outcome = at.run(words(line));
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    return outcome.err;
  };
  CHECK(says("evaluate base --adapter a").find("warning") == std::string::npos);
  // As many classes as the base has, and nothing that names them.
  std::filesystem::remove(at / "a/id2label.json");
  CHECK(says("evaluate base --adapter a") ==
        "papilio evaluate: warning: a: brings a classifier and no id2label.json: its classes go by "
        "the model's names, which may be wrong\n");
  // A head that the configuration does not count: the base keeps its own.
  std::string config = at.bytes("a/adapter_config.json");
  const std::string list = "[\n    \"classifier\"\n  ]";
  REQUIRE(config.find(list) != std::string::npos);
  test::write_bytes(at / "a/adapter_config.json",
                    config.replace(config.find(list), list.size(), "null"));
  CHECK(says("evaluate base --adapter a").find("not used: base_model.model.classifier.bias") !=
        std::string::npos);
  auto file = load_safetensors(at / "a/adapter_model.safetensors");
  for (auto& [name, tensor] : file.tensors)
    if (name.ends_with("boft_s")) fill_(tensor, std::nan(""));
  save_safetensors(at / "a/adapter_model.safetensors", file.tensors, file.metadata);
  for (const std::string line :
       {"evaluate base --adapter a", "predict base --adapter a --digit 0", "merge base a --out m"})
    CHECK_MESSAGE(says(line).find("boft_s holds numbers that are not finite") != std::string::npos,
                  line);
}

namespace {

struct WrongUse {
  std::string line;
  int code;
  std::string says;
};

}  // namespace

TEST_CASE("wrong use and broken files: one clear line, and the exit code") {
  const Workplace at;
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
  const std::vector<WrongUse> cases{
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
      {"train --classes 5-12", 2,
       "papilio train: --classes: there is no class 12; there are 0 to 9"},
      {"train --classes zero", 2,
       "papilio train: --classes: expected numbers like 3, 0-4 or 0,2,5-7, got \"zero\""},
      {"train --hidden-size 10 --heads 4", 2,
       "papilio train: ViTConfig: hidden_size 10 is not a multiple of num_attention_heads 4"},
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
      {"train --config .", 1, "papilio train: .: is a folder; expected a file of settings"},
      {"train --config missing.toml", 1, "papilio train: missing.toml: cannot be read"},
      {"finetune", 2, "papilio finetune: missing MODEL; usage: papilio finetune MODEL [options]"},
      {"finetune nowhere", 1, "papilio finetune: nowhere: there is no such folder"},
      {"finetune a", 1, "papilio finetune: a: holds an adapter, not a model"},
      {"finetune cut", 1, "cut/model.safetensors"},
      {"finetune base -b 5", 2, "boft_block_size 5 does not divide 16 coordinates"},
      {"finetune base -m 4", 2, "nearest valid boft_block_size: 2"},
      {"finetune base --method oft -m 2", 2,
       "papilio finetune: --factors: has a meaning only with"},
      {"finetune base --method full -b 4", 2, "papilio finetune: --block-size: has a meaning only"},
      {"finetune base -b 4 -n 4", 2, "papilio finetune: --block-num: give it or --block-size"},
      {"finetune base -t qury", 2, "qury"},
      {"finetune base -t classifier", 2,
       "{classifier} matches no module that can be adapted; there are: "
       "vit.embeddings.patch_embeddings.projection, attention.attention.query, "},
      {"finetune base -t " + std::string(70000, 'a') + "+", 2,
       "expected a regular expression of at most"},
      {"finetune base --modules-to-save classifier,\xff", 2,
       "papilio finetune: --modules-to-save: expected UTF-8 text without control characters"},
      {"merge base a --out base/config.json", 1, "papilio merge: base/config.json"},
      {"finetune base --bias lora_only", 2, "expected bias to be"},
      {"finetune base --head keep", 2, "papilio finetune: --head keep: the classes differ"},
      {"finetune base --layers-to-transform 4", 2, "there is no layer 4; there are 0 to 0"},
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
      {"predict base .", 1, "papilio predict: .: cannot be read"},
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
  for (const WrongUse& wrong : cases) {
    CAPTURE(wrong.line);
    const auto outcome = at.run(words(wrong.line));
    CHECK(outcome.code == wrong.code);
    CHECK(outcome.out == "");
    CHECK_MESSAGE(outcome.err.find(wrong.says) != std::string::npos, outcome.err);
    CHECK_MESSAGE(outcome.err.find('\n') + 1 == outcome.err.size(), outcome.err);
  }
  CHECK(at.run({"train", "--out", ""}).err ==
        "papilio train: --out: expected a folder's name, got \"\"\n");
  CHECK(at.run({"evaluate", ""}).err ==
        "papilio evaluate: missing MODEL; usage: papilio evaluate MODEL [options]\n");
  // None of them left results behind.
  CHECK(!exists(at, "runs"));
}

TEST_CASE("help, version, and the help of every command") {
  const Workplace at;
  CHECK(at.run({}).code == 2);
  CHECK(at.run({"--help"}).code == 0);
  CHECK(at.run({"help", "train"}).out == at.run({"train", "--help"}).out);
  CHECK(at.run({"help", "tarin"}).code == 2);
  CHECK(at.run({"--version"}).out.starts_with("papilio 0."));
  CHECK(at.run({"train", "--help"}).out.find("adamw: decoupled; sgd: added") != std::string::npos);
  for (const char* command :
       {"train", "finetune", "evaluate", "merge", "predict", "inspect", "demo"}) {
    CAPTURE(command);
    const auto help = at.run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.err == "");
    CHECK(help.out.starts_with(std::string("papilio ") + command));
    CHECK(help.out.find("Examples\n") != std::string::npos);
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 100, line);
  }
}

TEST_CASE("training that meets NaN keeps the last good step, says so and fails") {
  const Workplace at;
  const auto outcome =
      at.run(words("train --lr 1e30 --clip 0 --optimizer sgd --quiet --json --out m " + kTiny));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(outcome.err.starts_with("papilio train: training stopped at step "), outcome.err);
  CHECK_MESSAGE(outcome.err.find("-nan") == std::string::npos, outcome.err);
  CHECK(outcome.err.find("the model of the step before is in m\n") != std::string::npos);
  CHECK(nlohmann::json::parse(outcome.out)["failure"].is_string());
  CHECK(at.bytes("m/report.html").find("The training failed: training stopped at step ") !=
        std::string::npos);
  nn::PretrainedClassifier loaded = nn::from_pretrained(at / "m");
  for (const nn::NamedTensor& parameter : nn::named_parameters(*loaded.model))
    CHECK_MESSAGE(all_finite(*parameter.tensor), parameter.name);
}

TEST_CASE("Ctrl-C ends the step, saves and says so") {
  const Workplace at;
  const auto outcome = at.run(
      words("train --classes 0-1 --out base --hidden-size 16 --layers 1 --heads 2 "
            "--patch-size 4 --epochs 100000 --quiet"),
      [&](int process) {
        // The log's first line of numbers: training goes on.
        using namespace std::chrono_literals;
        for (int i = 0; i < 2000 && at.bytes("base/log.csv").find("\n1,") == std::string::npos; ++i)
          std::this_thread::sleep_for(10ms);
        kill(process, SIGINT);
      });
  CHECK(outcome.code == 130);
  CHECK_MESSAGE(outcome.err.starts_with("papilio train: interrupted after step "), outcome.err);
  CHECK(outcome.err.find("what it learned is in base\n") != std::string::npos);
  const auto result = at.json(words("evaluate base"));
  CHECK(result["classes"].size() == 2);
}

TEST_CASE("demo: its folder is made first; Ctrl-C says what there is") {
  const Workplace at;
  test::write_bytes(at / "file", "");
  const auto refused = at.run(words("demo --quick --out file"));
  CHECK(refused.code == 1);
  CHECK(refused.err == "papilio demo: file: cannot be made: Not a directory\n");
  const auto early = at.run(words("demo --quiet --out d"), [&](int process) {
    using namespace std::chrono_literals;
    for (int i = 0; i < 1000 && !std::filesystem::exists(at / "d"); ++i)
      std::this_thread::sleep_for(10ms);
    kill(process, SIGINT);
  });
  CHECK(early.code == 130);
  CHECK(early.err == "papilio demo: interrupted; no method was finished, nothing is written\n");
}
