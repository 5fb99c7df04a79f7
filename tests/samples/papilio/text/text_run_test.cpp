// finetune and evaluate of a language model, as a user runs them.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::check_refused;
using test::words;
using test::Workplace;

namespace {

const std::string kModel = std::string(test::source_root) + "/tests/golden/gpt2/gpt2";

// A text that a model of two layers can learn by heart.
void write_text(const Workplace& at) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "The quick brown fox jumps over the lazy dog. ";
  test::write_bytes(at / "fox.txt", text);
}

const std::string kSteps =
    " --data fox.txt --sequence-length 32 --epochs 2 --batch-size 4 --lr 1e-2 ";

}  // namespace

TEST_CASE("finetune, evaluate: an adapter on Conv1D lowers the perplexity, and is read back") {
  const Workplace at;
  write_text(at);
  for (const std::string method : {"boft -b 4 -m 2", "lora -r 2", "hra -r 4", "full"}) {
    CAPTURE(method);
    const std::string out = "out-" + method.substr(0, 3);
    const auto run =
        at.json(words("finetune " + kModel + kSteps + "--method " + method + " --out " + out));
    CHECK(run["test_tokens"].get<int>() > 0);
    CHECK(run["test_perplexity"].get<double>() < run["before_perplexity"].get<double>());
    CHECK(run["before_perplexity"].get<double>() ==
          doctest::Approx(std::exp(run["before_loss"].get<double>())));
    CHECK(run["sample_before"] != run["sample_after"]);
    const bool adapter = method != "full";
    const std::string model = adapter ? kModel + " --adapter " + out : out;
    const auto e = at.json(words("evaluate " + model + " --data fox.txt --sequence-length 32"));
    CHECK(e["loss"].get<double>() == doctest::Approx(run["test_loss"].get<double>()).epsilon(1e-4));
    CHECK(e["bits_per_byte"].get<double>() > 0);
    CHECK(at.json(words("generate " + model + " -p The --max-new-tokens 3"))["texts"].size() == 1);
    CHECK(at.bytes(out + "/report.html").find("What it writes") != std::string::npos);
    if (!adapter) continue;
    const auto config = nlohmann::json::parse(at.bytes(out + "/adapter_config.json"));
    if (method[0] != 'h') CHECK(config["fan_in_fan_out"] == true);
    CHECK(config["target_modules"].dump().find("c_attn") != std::string::npos);
  }
}

TEST_CASE("finetune: a language model's run is resumed bit for bit") {
  const Workplace at;
  write_text(at);
  const std::string line =
      "finetune " + kModel + kSteps + "--method lora -r 2 --checkpoint-steps 3 ";
  at.json(words(line + "--out whole"));
  at.json(words(line + "--out parts --keep-checkpoints 100"));
  // As if it had been killed behind step 3.
  for (const auto& entry : std::filesystem::directory_iterator(at / "parts/checkpoints"))
    if (entry.path().filename().string().find("3.") == std::string::npos ||
        entry.path().filename().string().find("13") != std::string::npos)
      std::filesystem::remove_all(entry.path());
  at.json(words(line + "--out parts --keep-checkpoints 100 --resume"));
  CHECK(at.bytes("parts/adapter_model.safetensors") == at.bytes("whole/adapter_model.safetensors"));
}

TEST_CASE("train: a small GPT-2 and its tokenizer; evaluate, predict, merge and convert know it") {
  const Workplace at;
  write_text(at);
  const std::string train =
      "train --model-type gpt2 --data fox.txt --hidden-size 16 --layers 1 --heads 2 --context 24 "
      "--vocab-size 280 --epochs 6 --batch-size 4 --lr 1e-2 ";
  const auto run = at.json(words(train + "--out base"));
  CHECK(run["vocab_size"] == 280);
  CHECK(run["test_perplexity"].get<double>() < 200);
  CHECK_FALSE(run.contains("before_loss"));
  const auto config = nlohmann::json::parse(at.bytes("base/config.json"));
  CHECK(config["model_type"] == "gpt2");
  CHECK(config["n_positions"] == 24);
  CHECK(config["bos_token_id"] == 0);
  CHECK(config["vocab_size"] == 280);
  // The same again, and with the tokenizer of another folder.
  at.json(words(train + "--out again"));
  CHECK(at.bytes("again/model.safetensors") == at.bytes("base/model.safetensors"));
  CHECK(at.bytes("again/tokenizer.json") == at.bytes("base/tokenizer.json"));
  const auto given = at.json(words(
      "train --model-type gpt2 --data fox.txt --hidden-size 16 --layers 1 --heads 2 --context 24 "
      "--tokenizer base --epochs 6 --batch-size 4 --lr 1e-2 --out given"));
  CHECK(given["test_loss"] == run["test_loss"]);

  // The pieces that were held out stay held out: 24 tokens, not evaluate's own length.
  const auto e = at.json(words("evaluate base --data fox.txt"));
  CHECK(e["loss"].get<double>() == doctest::Approx(run["test_loss"].get<double>()).epsilon(1e-5));
  const auto p = at.json({"predict", "base", "The quick brown", "dog", "--top", "2"});
  REQUIRE(p["predictions"].size() == 2);
  CHECK(p["predictions"][0]["top"].size() == 2);
  CHECK(p["predictions"][0]["top"][0]["probability"].get<double>() >=
        p["predictions"][0]["top"][1]["probability"].get<double>());
  CHECK(p["predictions"][0]["bits_per_byte"].get<double>() > 0);

  at.json(words("finetune base --data fox.txt --method oft -b 4 --lr 1e-2 --out oft"));
  const auto merged = at.json(words("merge base oft --out merged"));
  CHECK(merged["layers"] == 4);
  CHECK(merged["largest_logit_difference"].get<double>() < 1e-4);
  const auto with = at.json(words("evaluate base --adapter oft --data fox.txt")),
             without = at.json(words("evaluate merged --data fox.txt"));
  CHECK(without["loss"].get<double>() == doctest::Approx(with["loss"].get<double>()).epsilon(1e-5));
  CHECK(without["loss"].get<double>() < e["loss"].get<double>());
  at.json(words("convert oft --to boft --base base --out boft"));
  const auto boft = at.json(words("evaluate base --adapter boft --data fox.txt"));
  CHECK(boft["loss"].get<double>() == doctest::Approx(with["loss"].get<double>()).epsilon(1e-5));
}

TEST_CASE("finetune, evaluate: wrong uses of a language model") {
  const Workplace at;
  write_text(at);
  test::train_base(at);
  test::write_bytes(at / "bad.txt", "abc\xff");
  check_refused(
      at,
      {{"finetune " + kModel, 2, "--data: a language model wants a text"},
       {"finetune " + kModel + " --data fox.txt --sequence-length 65", 2,
        "--sequence-length: the model looks at 64 tokens, got 65"},
       {"finetune " + kModel + " --data bad.txt", 1, "bad.txt: byte 3 is not UTF-8"},
       {"finetune " + kModel + " --data fox.txt --hflip 0", 2, "an image classifier"},
       {"finetune " + kModel + " --data fox.txt --method linear", 2,
        "a language model has no classifier to train alone"},
       {"finetune " + kModel + " --data fox.txt -t wte", 2, "its weight is the head's too"},
       {"finetune base --sequence-length 8", 2, "a language model"},
       {"evaluate " + kModel + " --data fox.txt --split all", 2, "one by one"},
       {"train --model-type gpt2", 2, "--data: a language model wants a text"},
       {"train --model-type gpt2 --data fox.txt --patch-size 4", 2, "an image classifier"},
       {"train --context 8", 2, "a language model"},
       {"train --model-type gpt2 --data fox.txt --heads 5", 2,
        "n_embd 128 is not a multiple of n_head 5"},
       {"train --model-type gpt2 --data fox.txt --tokenizer nowhere", 1, "nowhere"},
       {"predict " + kModel, 2, "give texts to go on from"},
       {"predict " + kModel + " a --digit 3", 2, "an image classifier"},
       {"predict " + kModel + " the caf\xe9", 2, "papilio predict: caf\xe9: byte 3 is not UTF-8"},
       {"generate " + kModel + " -p caf\xe9", 2, "papilio generate: --prompt: byte 3 is not UTF-8"},
       {"generate " + kModel + " -p a --stop b --stop \xff", 2,
        "papilio generate: --stop, number 2: byte 0 is not UTF-8"},
       {"predict " + kModel + " a --out p.csv", 2, "FILE.json"},
       {"convert x --to transformers4 --base " + kModel + " --out y", 2, "one name"}});
}

TEST_CASE("generate, predict: texts too long, and a vocabulary that is not the model's") {
  const Workplace at;
  std::string prompt;
  for (int i = 0; i < 65; ++i) prompt += '~';
  std::filesystem::copy(kModel, at / "wide");
  auto tokenizer = nlohmann::json::parse(at.bytes("wide/tokenizer.json"));
  tokenizer["added_tokens"].push_back({{"id", 643}, {"content", "<more>"}});
  test::write_bytes(at / "wide/tokenizer.json", tokenizer.dump());
  std::filesystem::copy(kModel, at / "short");
  tokenizer = nlohmann::json::parse(at.bytes("short/tokenizer.json"));
  tokenizer["model"]["vocab"].erase("Z");
  test::write_bytes(at / "short/tokenizer.json", tokenizer.dump());
  check_refused(at,
                {{"generate " + kModel + " -p " + prompt, 2,
                  "papilio generate: --prompt: has 65 tokens, the model looks at 64"},
                 {"predict " + kModel + " " + prompt, 2, "~: has 65 tokens, the model looks at 64"},
                 {"generate short -p aZ", 2,
                  "papilio generate: --prompt: Bpe: \"Z\" is no token of the vocabulary"},
                 {"predict short aZ", 2, "papilio predict: aZ: Bpe: \"Z\" is no token"},
                 {"generate wide -p a", 1,
                  "papilio generate: wide: the tokenizer has ids to 643, the model knows 643 "
                  "(vocab_size)"}});
}
