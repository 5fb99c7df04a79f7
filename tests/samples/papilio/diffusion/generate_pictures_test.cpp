// papilio generate on a Stable Diffusion folder.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "nn/data/formats/image.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/samples/papilio/program.h"
#include "tests/sanitizers.h"

using namespace papilio;
namespace fs = std::filesystem;
using test::words;
using test::Workplace;

namespace {

// A place with the tiny pipeline `sd` in it.
struct Place : Workplace {
  Place() { fs::copy(test::golden_diffusion("sd15"), *this / "sd", fs::copy_options::recursive); }
  std::vector<std::string> command(const std::string& rest, const std::string& prompt) const {
    std::vector<std::string> line = words("generate sd --steps 2 " + rest);
    line.insert(line.end(), {"--prompt", prompt});
    return line;
  }
};

}  // namespace

TEST_CASE("generate: pictures, a grid and a list of them; the same of the same seed") {
  const Place at;
  const auto made = at.json(at.command("--out a --images 2 --seed 5", "a red circle"));
  REQUIRE(made["pictures"].size() == 2);
  CHECK(made["pictures"][1]["seed"] == 6);
  CHECK(made["pictures"][1]["prompt"] == "a red circle");
  CHECK(made["scheduler"] == "DDIMScheduler");
  const nn::Image first = nn::read_image(at / "a/0.png"), second = nn::read_image(at / "a/1.png");
  CHECK(first.width == 16);
  CHECK(first.channels == 3);
  CHECK(first != second);
  CHECK(nn::read_image(at / "a/grid.png").width == 32);
  CHECK(nlohmann::json::parse(test::read_bytes(at / "a/pictures.json"))["pictures"] ==
        made["pictures"]);
  at.json(at.command("--out b --seed 6", "a red circle"));
  CHECK(nn::read_image(at / "b/0.png") == second);
  CHECK_FALSE(fs::exists(at / "b/grid.png"));
  at.json(at.command("--out c --images 2 --seed 5 --batch-size 2", "a red circle"));
  CHECK(nn::read_image(at / "c/1.png") == second);
}

TEST_CASE("generate: prompt, negative prompt, guidance, scheduler, size and adapter each show") {
  const Place at;
  const auto picture = [&](const std::string& name, const std::string& rest,
                           const std::string& prompt = "a red circle") {
    at.json(at.command("--out " + name + ' ' + rest, prompt));
    return nn::read_image(at / (name + "/0.png"));
  };
  const nn::Image plain = picture("plain", "");
  CHECK(picture("prompt", "", "a blue square") != plain);
  CHECK(picture("negative", "--negative-prompt square") != plain);
  CHECK(picture("guidance", "--guidance-scale 1") != plain);
  CHECK(picture("scheduler", "--scheduler dpm++") != plain);
  CHECK(picture("wide", "--width 20").width == 20);
  fs::copy(test::golden_diffusion("unet_boft"), at / "boft");
  fs::copy(test::golden_diffusion("text_boft"), at / "text");
  CHECK(picture("adapted", "--adapter boft") != plain);
  CHECK(picture("text", "--text-encoder-adapter text") != plain);
  fs::create_directories(at / "both");
  fs::copy(at / "boft", at / "both/unet");
  fs::copy(at / "text", at / "both/text_encoder");
  CHECK(picture("both-here", "--adapter both") ==
        picture("both-named", "--adapter boft --text-encoder-adapter text"));
}

TEST_CASE("generate: what cannot be made is said in one line, and nothing is lost") {
  const Place at;
  const auto refuses = [&](const std::string& rest, const std::string& prompt, const char* why) {
    const auto result = at.run(at.command(rest, prompt));
    CAPTURE(result.err);
    CHECK(result.code != 0);
    CHECK(result.err.find(why) != std::string::npos);
  };
  std::string much;
  for (int i = 0; i < 80; ++i) much += "red ";
  refuses("--out o", much, "has 82 tokens with its begin and end; the text encoder looks at 77");
  refuses("--out o", "caf\xe9", "papilio generate: --prompt: byte 3 is not UTF-8");
  refuses("--out o --negative-prompt \xff", "a",
          "papilio generate: --negative-prompt: byte 0 is not UTF-8");
  refuses("--out o --width 17", "a", "multiples of 2 pixels, got 17: 16 or 18 would do");
  refuses("--out o --scheduler euler", "a", "got euler");
  refuses("--out o --adapter sd/unet", "a", "sd/unet: holds no adapter");
  refuses("--out o --variant bf16", "a", "there are weights without a variant");
  // A part is never left out without a word: a link that leads nowhere is refused.
  fs::create_directory(at / "parts");
  fs::copy(test::golden_diffusion("unet_boft"), at / "parts/unet");
  fs::create_directory(at / "parts/controlnet");  // is nothing, as --overwrite may leave it
  at.json(at.command("--out parted --adapter parts", "a"));
  for (const std::string part : {"text_encoder", "controlnet"}) {
    fs::remove(at / ("parts/" + part));
    fs::create_symlink("nowhere", at / ("parts/" + part));
    const std::string why =
        "parts/" + part + ": is a link to nowhere, which cannot be followed: there is no such file";
    refuses("--out o --adapter parts", "a", why.c_str());
    const auto inspected = at.run(words("inspect parts"));
    CHECK((inspected.err.find(why) != std::string::npos) == (part == "text_encoder"));
    fs::remove(at / ("parts/" + part));
  }
  at.json(at.command("--out kept", "a"));
  const std::string before = test::read_bytes(at / "kept/0.png");
  refuses("--out kept --seed 9", "a", "kept holds pictures already");
  CHECK(test::read_bytes(at / "kept/0.png") == before);
  at.json(at.command("--out kept --seed 9 --overwrite", "a"));
  CHECK(test::read_bytes(at / "kept/0.png") != before);
  fs::remove_all(at / "sd/vae");
  refuses("--out o", "a", "sd: lacks the folder vae, which model_index.json names");
}

TEST_CASE("generate: pictures that are more than the memory are refused, with what would fit") {
  if (test::kAddressSanitizer) return;  // which wants more addresses itself
  const Workplace at("/bin/sh");
  fs::copy(test::golden_diffusion("sd15"), at / "sd", fs::copy_options::recursive);
  const auto refuses = [&](const std::string& size, const char* begin, const char* end) {
    const auto outcome = at.run(
        {"-c", "ulimit -v 6000000 && exec " + std::string(test::papilio_program) +
                   " generate sd --prompt a --steps 2 --threads 1 --out o --height 8192 " + size});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.starts_with(begin));
    CHECK(outcome.err.find(" beside the weights, in the UNet; there are ") != std::string::npos);
    CHECK(outcome.err.ends_with(end));
    CHECK(!fs::exists(at / "o"));
  };
  refuses("--width 8192 --images 8 --batch-size 8",
          "papilio generate: 8 pictures at a time of 8192x8192 take 230 GB",
          "; --batch-size 1 --height 2048 --width 2048 would do\n");
  refuses("--width 1024 --images 2 --batch-size 2",
          "papilio generate: 2 pictures at a time of 1024x8192 take 7.",
          "; --batch-size 1 would do\n");
}

TEST_CASE("generate: weights that are more than the memory are named before they are read") {
  const Place at;
  // Four terabytes that take no room on the disk, if it can have such files.
  const uint64_t bytes = uint64_t(1) << 42;
  std::string header = R"({"x": {"dtype": "F32", "shape": [)" + std::to_string(bytes / 4) +
                       R"(], "data_offsets": [0, )" + std::to_string(bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string size(8, '\0');
  for (size_t i = 0; i < 8; ++i) size[i] = char(header.size() >> (8 * i));
  const fs::path file = at / "sd/unet/diffusion_pytorch_model.safetensors";
  test::write_bytes(file, size + header);
  std::error_code error;
  fs::resize_file(file, 8 + header.size() + bytes, error);
  if (error) return;
  const auto refused = at.run(at.command("--out o", "a"));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.err.find("sd: its weights take 4.4 TB of memory in float32; there are") !=
                    std::string::npos,
                refused.err);
  CHECK_FALSE(fs::exists(at / "o"));
}
