// The papilio program on images in files.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/nn/data/files.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::check_refused;
using test::RefusedCommand;
using test::words;
using test::Workplace;
using namespace std::string_literals;

namespace {

namespace fs = std::filesystem;

// Three tokens of width 16.
const std::string kTiny =
    " --hidden-size 16 --layers 1 --heads 2 --batch-size 8 --quiet --json --workers 2 ";

// Pictures of one colour: red, green and blue are the classes.
void write_colours(const fs::path& root, int n) {
  const std::vector<std::string> names{"blue", "green", "red"};
  for (size_t c = 0; c < names.size(); ++c) {
    fs::create_directories(root / names[c]);
    for (int i = 0; i < n; ++i) {
      const auto part = [&](size_t k) { return k == 2 - c ? 200 + i : 10 + i; };
      test::write_bytes(root / names[c] / (std::to_string(i) + ".png"),
                        test::plain_png(8, 8 + i % 2, part(0), part(1), part(2)));
    }
  }
}

nlohmann::json train(const Workplace& at, const std::string& more) {
  const auto outcome = at.run(words("train --epochs 12 --lr 0.01" + kTiny + more));
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return nlohmann::json::parse(outcome.out);
}

}  // namespace

TEST_CASE("a folder of pictures: train, evaluate, adapt, predict by name") {
  const Workplace at;
  write_colours(at / "photos", 20);
  const auto base = train(at, "--data photos --crop none --out base");
  CHECK(base["classes"] == std::vector<std::string>{"blue", "green", "red"});
  CHECK(base["test_images"] == 6);
  CHECK(base["test_accuracy"] == 1);
  const auto processor = nlohmann::json::parse(at.bytes("base/preprocessor_config.json"));
  CHECK(processor["size"]["height"] == 8);
  CHECK(processor["image_mean"].size() == 3);

  const auto result = at.json(words("evaluate base --data photos --split all"));
  CHECK(result["images"] == 60);
  CHECK(result["accuracy"] == 1);
  CHECK(result["top5"] == 1);
  CHECK(result["per_class"][2]["class"] == "red");
  CHECK(result["per_class"][2]["precision"] == 1);
  CHECK(result["confusion"][1] == std::vector<int>{0, 20, 0});
  const auto some = at.json(words("evaluate base --data photos --classes red,blue"));
  CHECK(some["images"] == 4);
  CHECK(some["per_class"][1]["recall"].is_null());
  CHECK(at.run(words("evaluate base --data photos")).out.find("green") != std::string::npos);

  const auto guesses = at.json(words("predict base photos/red/1.png photos/green/0.png --top 1"));
  REQUIRE(guesses["predictions"].size() == 2);
  CHECK(guesses["predictions"][0]["class"] == "red");
  CHECK(guesses["predictions"][1]["class"] == "green");
  CHECK(guesses["predictions"][1]["image"] == "photos/green/0.png");

  const auto tuned = at.json(
      words("finetune base --data photos --classes red,green --epochs 5 -b 4 -m 2 --out tuned"));
  CHECK(tuned["classes"] == std::vector<std::string>{"red", "green"});
  const auto adapted = at.json(words("evaluate base --adapter tuned --data photos"));
  CHECK(adapted["classes"] == std::vector<std::string>{"red", "green"});
  CHECK(adapted["accuracy"] == tuned["test_accuracy"]);
  at.json(words("merge base tuned --out merged"));
  CHECK(at.json(words("evaluate merged --data photos"))["accuracy"] == tuned["test_accuracy"]);
  CHECK(at.bytes("merged/preprocessor_config.json") == at.bytes("base/preprocessor_config.json"));
  at.json(words("finetune base --data photos --method linear --epochs 1 --out probe"));
  CHECK(at.bytes("probe/preprocessor_config.json") == at.bytes("base/preprocessor_config.json"));
}

TEST_CASE("the same seed gives the same model whatever the number of workers") {
  const Workplace at;
  write_colours(at / "photos", 10);
  const std::string line =
      "--data photos --rand-augment 2 --mixup 0.5 --reprob 0.3 --epochs 2 --out ";
  for (const char* run : {"a --workers 0", "b --workers 1", "c --workers 4", "d --seed 1"})
    at.json(words("train --hidden-size 16 --layers 1 --heads 2 --batch-size 8 " + line + run));
  const std::string bytes = at.bytes("a/model.safetensors");
  CHECK(bytes == at.bytes("b/model.safetensors"));
  CHECK(bytes == at.bytes("c/model.safetensors"));
  CHECK(bytes != at.bytes("d/model.safetensors"));
}

TEST_CASE("corrupt pictures end the training with their name, or stay out with a warning") {
  const Workplace at;
  write_colours(at / "photos", 10);
  test::write_bytes(at / "photos/red/3.png", "no picture");
  const std::string line =
      "train --epochs 1 --data photos --validation-share 0 --test-share 0" + kTiny;
  const auto failed = at.run(words(line + "--out m"));
  CHECK(failed.code == 1);
  CHECK(failed.err ==
        "papilio train: photos/red/3.png: expected a JPEG or PNG picture, got no picture; nothing "
        "is written\n");
  CHECK(!fs::exists(at / "m/model.safetensors"));
  const auto skipped = at.run(words(line + "--corrupt skip --out n"));
  CHECK(skipped.code == 0);
  CHECK(
      skipped.err ==
      "papilio train: warning: left out: photos/red/3.png: expected a JPEG or PNG picture, got no "
      "picture\n");
  const auto result = nlohmann::json::parse(skipped.out);
  CHECK(result["test_accuracy"].is_null());
  CHECK(result["validation_accuracy"].is_null());
  const auto evaluated =
      at.run(words("evaluate n --data photos --split all --corrupt skip --json --quiet"));
  CHECK(evaluated.code == 0);
  CHECK(evaluated.err.starts_with("papilio evaluate: warning: left out: photos/red/3.png"));
  CHECK(nlohmann::json::parse(evaluated.out)["images"] == 29);
  CHECK(at.run(words("evaluate n --data photos --split all --quiet")).code == 1);
}

TEST_CASE("the image's size is the data's usual one in whole patches; too many tokens are told") {
  const Workplace at;
  for (const char* name : {"a", "b"}) {
    fs::create_directories(at / "photos" / name);
    for (int i = 0; i < 5; ++i)
      test::write_bytes(at / "photos" / name / (std::to_string(i) + ".png"),
                        test::plain_png(30, i == 0 ? 9 : 31 + i, 9 * i, 3, 3));
  }
  const std::string line =
      "train --epochs 1 --data photos --validation-share 0 --test-share 0" + kTiny;
  const auto config = [&](const std::string& more) {
    const auto outcome = at.run(words(line + "--overwrite --out m " + more));
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(outcome.err == "");
    return nlohmann::json::parse(at.bytes("m/config.json"));
  };
  const auto plain = config("");
  CHECK(plain["image_size"] == 28);
  CHECK(plain["patch_size"] == 4);
  CHECK(at.bytes("m/run.toml").find("image-size = 28\n") != std::string::npos);
  CHECK(config("--patch-size 7")["image_size"] == 28);
  CHECK(config("--conv-layers 2")["image_size"] == 28);
  CHECK(config("--image-size 20")["patch_size"] == 2);
  const auto many = at.run(words(line + "--out n --image-size 33"));
  CHECK(many.code == 0);
  CHECK(many.err ==
        "papilio train: warning: 1,089 tokens an image (33x33 pixels in patches of 1) take long: "
        "attention costs their square; an --image-size that is a multiple of 16 needs fewer\n");
}

TEST_CASE("predict: a picture that cannot be read ends the work or stays out of it") {
  const Workplace at;
  write_colours(at / "photos", 4);
  at.json(words("train --data photos --epochs 1" + kTiny + "--out m"));
  test::write_bytes(at / "no.png", "no picture");
  const std::string line = "predict m photos/red/1.png no.png photos/red/2.png --json";
  const auto failed = at.run(words(line));
  CHECK(failed.code == 1);
  CHECK(failed.err == "papilio predict: no.png: expected a JPEG or PNG picture, got no picture\n");
  const auto skipped = at.run(words(line + " --corrupt skip"));
  CHECK(skipped.code == 0);
  CHECK(skipped.err ==
        "papilio predict: warning: left out: no.png: expected a JPEG or PNG picture, got no "
        "picture\n");
  const auto result = nlohmann::json::parse(skipped.out);
  REQUIRE(result["predictions"].size() == 2);
  CHECK(result["predictions"][1]["image"] == "photos/red/2.png");
  CHECK(result["skipped"].size() == 1);
  const auto none = at.run(words("predict m no.png --corrupt skip"));
  CHECK(none.code == 1);
  CHECK(none.err.ends_with("papilio predict: none of the images can be read\n"));
  // More than one batch.
  std::string all = "predict m";
  for (int i = 0; i < 35; ++i) all += " photos/blue/1.png photos/red/3.png";
  CHECK(at.json(words(all))["predictions"].size() == 70);
}

TEST_CASE("papilio data: kind, parts, classes, sizes, what is corrupt, a contact sheet") {
  const Workplace at;
  write_colours(at / "photos", 10);
  test::write_bytes(at / "photos/red/3.png", "no picture");
  test::write_bytes(at / "photos/notes.txt", "x");
  const auto outcome = at.run(words("data photos --json --sheet sheet.html --quiet"));
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(outcome.err.starts_with("papilio data: warning: 1 file is left out"));
  const auto result = nlohmann::json::parse(outcome.out);
  CHECK(result["kind"] == "folder");
  CHECK(result["images"] == 30);
  CHECK(result["parts"]["train"] == 24);
  CHECK(result["parts"]["test"] == 3);
  CHECK(result["classes"][0]["class"] == "blue");
  CHECK(result["classes"][0]["validation"] == 1);
  CHECK(result["width"]["median"] == 8);
  CHECK(result["height"]["least"] == 8);
  CHECK(result["height"]["most"] == 9);
  CHECK(result["colour"] == 29);
  REQUIRE(result["corrupt"].size() == 1);
  CHECK(result["corrupt"][0]["image"] == "photos/red/3.png");
  const std::string page = at.bytes("sheet.html");
  size_t pictures = 0;
  for (size_t i = 0; (i = page.find("href=\"data:image/png;base64,iVBORw0KGgo", i)) != page.npos;
       ++i)
    ++pictures;
  CHECK(pictures == 24);  // eight a class
  CHECK(page.find("<b>green</b>, 10 images") != std::string::npos);
  const auto text = at.run(words("data photos --quiet"));
  CHECK(text.out.find("1 cannot be read:\n  photos/red/3.png: expected") != std::string::npos);
  CHECK(text.out.find("class  train  validation  test  all\n") != std::string::npos);
  CHECK(at.json(words("data digits"))["images"] == 1797);

  fs::create_directories(at / "idx");
  test::write_bytes(at / "idx/train-images-idx3-ubyte.gz",
                    test::gzip(test::idx({10, 8, 8}, std::string(640, 'a'))));
  test::write_bytes(at / "idx/train-labels-idx1-ubyte", test::idx({10}, "\0\1\2\3\4\5\6\7\10\11"s));
  const auto idx = at.json(words("data idx"));
  CHECK(idx["kind"] == "idx");
  CHECK(idx["grey"] == 10);
  CHECK(idx["corrupt"].empty());
}

TEST_CASE("what preprocessor_config.json does not say, or says in vain, is warned of") {
  const Workplace at;
  write_colours(at / "photos", 4);
  at.json(words("train --data photos --epochs 1" + kTiny + "--out m"));
  fs::remove(at / "m/preprocessor_config.json");
  const std::string bare = at.run(words("evaluate m --data photos --split all")).err;
  CHECK(bare.find("warning: m: has no preprocessor_config.json: pictures become 8x8 (bilinear), "
                  "mean 0.5, 0.5, 0.5, deviation 0.5, 0.5, 0.5") != std::string::npos);
  test::write_bytes(at / "m/preprocessor_config.json",
                    R"({"size": 8, "do_pad": true, "image_processor_type": "OwnImageProcessor"})");
  for (const char* command :
       {"evaluate m --data photos --split all", "predict m photos/red/0.png"}) {
    const std::string said = at.run(words(command)).err;
    CHECK(said.find("pictures are not padded") != std::string::npos);
    CHECK(said.find("\"OwnImageProcessor\" is not known") != std::string::npos);
  }
  CHECK(at.json(words("inspect m"))["notes"].size() == 2);
  test::write_bytes(at / "m/preprocessor_config.json", R"({"size": 9})");
  const auto notes = at.json(words("inspect m"))["notes"];
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] == "m/preprocessor_config.json: makes images of 9x9, but the model takes 8x8");
}

TEST_CASE("wrong use of image data: one line and the exit code") {
  const Workplace at;
  write_colours(at / "photos", 4);
  at.json(words("train --data photos --epochs 1" + kTiny + "--out m"));
  at.json(
      words("train --classes 0-1 --epochs 1 --hidden-size 16 --layers 1 --heads 2 --out digits"));
  fs::create_directories(at / "empty");
  std::string many;
  for (int i = 0; i < 100000; ++i) many += 'k' + std::to_string(i) + "=1\n";
  test::write_bytes(at / "many.toml", many + "k7=1\n");
  test::write_bytes(at / "cut.gz", test::gzip(std::string(9000, 'x')).substr(0, 30));
  fs::copy(at / "m", at / "odd");
  test::write_bytes(at / "odd/preprocessor_config.json", R"({"size": 9})");
  fs::copy(at / "m", at / "wrong");
  test::write_bytes(at / "wrong/preprocessor_config.json", R"({"size": "9"})");
  const std::vector<RefusedCommand> cases{
      {"train --data none", 1, "papilio train: none: there is no such file or folder"},
      {"train --data empty", 1, "papilio train: empty: holds no folders of pictures, one a class"},
      {"train --data cut.gz", 1, "papilio train: cut.gz: the gzip data is truncated"},
      {"train --data photos --classes gren", 2,
       "papilio train: --classes: the data have no class gren; they have blue, green, red; did you "
       "mean green?"},
      {"train --data photos --classes red,red", 2,
       "papilio train: --classes: class red is named twice"},
      {"train --data photos --classes green", 2,
       "papilio train: the data have one class, green: there is nothing to tell it from"},
      {"train --data photos --classes 3", 2,
       "papilio train: --classes: there is no class 3; there are 0 to 2"},
      {"train --data photos --shift 1", 2,
       "papilio train: --shift: has a meaning only with --data digits"},
      {"train --hflip 0.5", 2,
       "papilio train: --hflip: has a meaning only with --data other than digits"},
      {"train --workers 2", 2,
       "papilio train: --workers: has a meaning only with --data other than digits"},
      {"train --data photos --test-share 0.5 --validation-share 0.5", 2,
       "papilio train: --validation-share, --test-share: 0.5 and 0.5 leave nothing to train on"},
      {"train --data photos --image-size 8 --patch-size 9", 2, "papilio train: ViTConfig: "},
      {"train --config /dev/zero", 1, "papilio train: /dev/zero: is a device, not a file"},
      {"train --config many.toml", 1, "papilio train: many.toml, line 100001: k7 appears twice"},
      {"evaluate m", 2,
       "papilio evaluate: m: this model takes images of 8x8 pixels with 3 channels"},
      {"evaluate m --data photos --classes 0-3", 2, "there is no class 3; there are 0 to 2"},
      {"evaluate digits --data photos", 2,
       "papilio evaluate: none of the model's classes (0, 1) is in the data"},
      {"evaluate odd --data photos", 1,
       "papilio evaluate: odd/preprocessor_config.json: makes images of 9x9, but the model takes "
       "8x8"},
      {"evaluate wrong --data photos", 1, "papilio evaluate: wrong/preprocessor_config.json"},
      {"predict m photos/red/9.png", 1, "papilio predict: photos/red/9.png: there is no such file"},
      {"predict m --digit 0", 2,
       "papilio predict: m: this model takes images of 8x8 pixels with 3"},
      {"data", 2, "papilio data: missing PATH; usage: papilio data PATH [options]"},
      {"data empty", 1, "papilio data: empty: holds no folders of pictures"},
      {"data photos --sheet none/sheet.html --quiet", 1,
       "papilio data: cannot write none/sheet.html: "},
  };
  check_refused(at, cases);
  CHECK(!fs::exists(at / "runs"));
}
