// papilio dreambooth, controlnet and train on pictures with captions.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "tensor/files/safetensors.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/samples/papilio/diffusion/diffusion_place.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
namespace fs = std::filesystem;
using Place = test::DiffusionPlace;
using test::words;

TEST_CASE("dreambooth: every method trains, and what it writes changes the picture") {
  const Place at;
  const nn::Image plain = at.picture("plain", "sd");
  for (const std::string method : {"boft", "oft", "lora", "hra"}) {
    CAPTURE(method);
    const std::string shape = method == "boft"  ? " -n 2 --dropout 0"
                              : method == "oft" ? " -n 2"
                                                : " -r 2";
    const auto made = at.json(at.dreambooth("--method " + method + shape + " --out " + method));
    CHECK(made["method"] == method);
    CHECK(made["steps"] == 4);
    CHECK(made["instance_images"] == 3);
    CHECK(made["trainable_parameters"] > 0);
    CHECK(fs::exists(at / (method + "/unet/adapter_model.safetensors")));
    CHECK_FALSE(fs::exists(at / (method + "/text_encoder")));
    CHECK(at.picture("adapted", "sd --adapter " + method) != plain);
    CHECK(at.picture("named", "sd --adapter " + method + "/unet") ==
          at.picture("adapted", "sd --adapter " + method));
  }
  const auto full = at.json(at.dreambooth("--method full --train-text-encoder --out full"));
  CHECK(full["trainable_parameters"] > 1000);
  CHECK(at.picture("full-picture", "full") != plain);
  CHECK(at.bytes("full/scheduler/scheduler_config.json") ==
        at.bytes("sd/scheduler/scheduler_config.json"));
}

TEST_CASE("dreambooth: PEFT's guide's settings, and both parts in folders of their names") {
  const Place at;
  // Eight blocks are too few for dropout to drop one, which is said.
  const auto made = at.run(at.dreambooth("--train-text-encoder --out both"));
  CHECK(made.code == 0);
  CHECK(made.err.find("boft_dropout 0.1 drops nothing") != std::string::npos);
  const auto config = nlohmann::json::parse(at.bytes("both/unet/adapter_config.json"));
  CHECK(config["peft_type"] == "BOFT");
  CHECK(config["boft_block_num"] == 8);
  CHECK(config["boft_block_size"] == 0);
  CHECK(config["boft_n_butterfly_factor"] == 1);
  CHECK(config["boft_dropout"] == 0.1);
  CHECK(config["bias"] == "boft_only");
  CHECK(config["base_model_name_or_path"] == "sd");
  CHECK(config["target_modules"].size() == 4);
  const auto text = nlohmann::json::parse(at.bytes("both/text_encoder/adapter_config.json"));
  CHECK(text["target_modules"] == nlohmann::json{"q_proj", "v_proj"});
  const auto picture = [&](const std::string& out, const std::string& adapter) {
    CHECK(at.run(words("generate sd --prompt x --steps 2 --adapter " + adapter + " --out " + out))
              .code == 0);
    return at.bytes(out + "/0.png");
  };
  CHECK(picture("a", "both") != picture("b", "both/unet"));
  // A result is not written over unless that is asked for, then whole.
  const auto refused = at.run(at.dreambooth("--out both"));
  CHECK(refused.code == 2);
  CHECK(refused.err.find("both holds an adapter already") != std::string::npos);
  at.json(at.dreambooth("--method lora --overwrite --out both"));
  CHECK_FALSE(fs::exists(at / "both/text_encoder"));
}

TEST_CASE("a pipeline's old result is said, of its folder and of the parts in it") {
  const Place at;
  fs::create_directory(at / "dog");
  fs::copy(test::golden_diffusion("unet_boft"), at / "dog/unet");
  fs::copy(test::golden_diffusion("text_boft"), at / "dog/text_encoder");
  const auto check_said = [&](const std::string& line, const std::string& folder) {
    CAPTURE(line);
    std::vector<std::string> all = words(line);
    if (all[0] == "generate")
      for (const std::string& word : words("--prompt square --steps 1 --overwrite --out p"))
        all.push_back(word);
    const auto outcome = at.run(all);
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    CHECK((outcome.out + outcome.err).find(folder + ": holds the result of an earlier run") !=
          std::string::npos);
  };
  test::write_bytes(at / "dog/.result.toml", "");
  for (const char* line : {"generate sd --adapter dog", "generate sd --adapter dog/unet/",
                           "generate sd --text-encoder-adapter dog/text_encoder", "inspect dog"})
    check_said(line, "dog");
  test::write_bytes(at / "sd/.result.toml", "");
  check_said("generate sd", "sd");
  check_said("inspect sd", "sd");
}

TEST_CASE("dreambooth: pictures of the class are made once, and weigh in the loss") {
  const Place at;
  std::vector<std::string> prior = words(
      "--with-prior-preservation --class-data-dir class --num-class-images 3 --class-steps 1 "
      "--class-prompt square");
  const auto run = [&](const std::string& out, const std::string& more) {
    std::vector<std::string> line = at.dreambooth("-n 2 --dropout 0 --out " + out + ' ' + more);
    line.insert(line.end(), prior.begin(), prior.end());
    return at.json(line);
  };
  CHECK(run("a", "")["class_images"] == 3);
  CHECK(fs::exists(at / "class/class-2.png"));
  const std::string first = at.bytes("class/class-0.png");
  fs::remove(at / "class/class-1.png");
  const std::string weights = at.bytes("a/unet/adapter_model.safetensors");
  run("b", "");
  CHECK(at.bytes("class/class-0.png") == first);
  CHECK(at.bytes("b/unet/adapter_model.safetensors") == weights);
  run("c", "--prior-loss-weight 0.1");
  CHECK(at.bytes("c/unet/adapter_model.safetensors") != weights);
}

TEST_CASE("dreambooth: a run that is resumed ends with the same bytes") {
  const Place at;
  const std::string rest =
      "-n 2 --dropout 0 --checkpoint-steps 3 --ema 0.5 --snr-gamma 5 --caption-dropout "
      "0.2 --batch-size 2 --hflip 0.5 --out ";
  at.json(at.dreambooth(rest + "whole", "6"));
  at.json(at.dreambooth(rest + "parts", "6"));
  at.forget_behind("parts", "6", {"unet"});
  const auto resumed = at.json(words("dreambooth --config parts/run.toml --resume"));
  CHECK(resumed["steps"] == 6);
  CHECK(at.bytes("parts/unet/adapter_model.safetensors") ==
        at.bytes("whole/unet/adapter_model.safetensors"));
  const auto other = at.run(words("dreambooth --config parts/run.toml --resume --lr 1e-3"));
  CHECK(other.code == 2);
  CHECK(other.err.find("--resume: the run began with lr") != std::string::npos);
  // With moments in 8 bits, too, which the UNet's larger weights have.
  const std::string in_8_bits = "--method full --use-8bit-adam --checkpoint-steps 3 --out ";
  at.json(at.dreambooth(in_8_bits + "whole8", "6"));
  at.json(at.dreambooth(in_8_bits + "parts8", "6"));
  const auto state = load_safetensors(at / "parts8/checkpoints/step-00000003.safetensors").tensors;
  int64_t codes = 0;
  for (const auto& [name, tensor] : state)
    codes += name.starts_with("optimizer.") && tensor.dtype() == DType::uint8;
  CHECK(codes > 0);
  at.forget_behind("parts8", "6", {"unet", "vae", "text_encoder", "model_index.json"});
  at.json(words("dreambooth --config parts8/run.toml --resume"));
  for (const auto& [name, tensor] :
       load_safetensors(at / "whole8/unet/diffusion_pytorch_model.safetensors").tensors)
    CHECK(tensor.to_vector<float>() ==
          load_safetensors(at / "parts8/unet/diffusion_pytorch_model.safetensors")
              .tensors.at(name)
              .to_vector<float>());
  // It multiplies as it began, whatever this machine would choose.
  const std::string lora = "--method lora -r 2 --checkpoint-steps 2 --out lora ";
  at.json(at.dreambooth(lora + "--products openblas"));
  const auto again = at.run(at.dreambooth(lora + "--resume --quiet"));
  CHECK(again.code == 0);
  CHECK(again.err.empty());
  CHECK(at.bytes("lora/run.toml").find("\nproducts = \"openblas\"\n") != std::string::npos);
}

TEST_CASE("controlnet: a picture steers; control and adapter lie in folders of their own") {
  const Place at;
  const std::string rest =
      "controlnet sd --data shapes -n 2 --dropout 0 --lr 1e-2 --checkpoint-steps 2 ";
  const auto made = at.json(words(rest + "--max-train-steps 4 --out steered"));
  CHECK(made["samples"] == 6);
  CHECK(made["control_parameters"] > 100);
  const auto control = load_safetensors(at / "steered/controlnet/model.safetensors").tensors;
  CHECK(control.at("controlnet_cond_embedding.conv_out.weight").shape() == Dims{8, 32, 3, 3});
  const std::string with = "sd --adapter steered --control shapes/";
  const nn::Image first = at.picture("first", with + "c0.png");
  CHECK(at.picture("second", with + "c2.png") != first);
  CHECK(at.picture("again", with + "c0.png") == first);
  CHECK(at.picture("named",
                   "sd --adapter steered/unet --controlnet steered/controlnet --control "
                   "shapes/c0.png") == first);
  test::write_bytes(at / "steered/.result.toml", "");
  const auto old = at.run(
      words("generate sd --controlnet steered/controlnet --control shapes/c0.png --prompt square "
            "--steps 1 --out old"));
  CHECK(old.code == 0);
  CHECK(old.err.find("steered: holds the result of an earlier run") != std::string::npos);
  fs::remove(at / "steered/.result.toml");
  at.json(words(rest + "--max-train-steps 4 --out parts"));
  at.forget_behind("parts", "4", {"unet", "controlnet"});
  at.json(words("controlnet --config parts/run.toml --resume"));
  for (const char* file : {"unet/adapter_model.safetensors", "controlnet/model.safetensors"})
    CHECK(at.bytes(std::string("parts/") + file) == at.bytes(std::string("steered/") + file));
  at.json(words(rest + "--max-train-steps 1 --controlnet steered/controlnet --out more"));
}

TEST_CASE("train: pictures with captions make a Stable Diffusion, which goes on bit for bit") {
  const Place at;
  const std::string line =
      "train --data shapes --resolution 16 --unet-channels 8,8 --vae-channels 8,8 --heads 2 "
      "--text-width 16 --text-layers 1 --vocab-size 540 --batch-size 3 --checkpoint-steps 2 "
      "--max-train-steps 4 --ema 0.5 --out ";
  const auto made = at.json(words(line + "whole"));
  CHECK(made["steps"] == 4);
  CHECK(made["tokens"] <= 540);
  const nn::Image picture = at.picture("made", "whole");
  CHECK(picture.width == 16);
  at.json(words(line + "parts"));
  at.forget_behind("parts", "4", {"unet", "vae", "model_index.json"});
  at.json(words("train --config parts/run.toml --resume"));
  for (const char* part : {"unet", "vae"}) {
    const std::string file = std::string(part) + "/diffusion_pytorch_model.safetensors";
    CHECK(at.bytes("parts/" + file) == at.bytes("whole/" + file));
    CHECK(at.bytes("parts/" + (part + std::string("/config.json"))) ==
          at.bytes("whole/" + (part + std::string("/config.json"))));
  }
  const auto refused = at.run(words(line + "whole"));
  CHECK(refused.code == 2);
  CHECK(refused.err.find("whole holds a model already") != std::string::npos);
  // The new pipeline learns a subject as any other does.
  at.json(
      words("dreambooth whole --instance-data-dir own --instance-prompt sks --method lora -r 2 "
            "--max-train-steps 1 --out subject"));
}

TEST_CASE(
    "what dreambooth and train write has a report, is shown by inspect, and is no classifier") {
  const Place at;
  at.json(at.dreambooth("--method boft -n 2 --dropout 0 --train-text-encoder --out both"));
  at.json(
      words("train --data shapes --resolution 16 --unet-channels 8,16 --vae-channels 8,8 "
            "--text-width 16 --vocab-size 520 --batch-size 2 --max-train-steps 2 --out made"));
  const std::string page = at.bytes("both/report.html");
  for (const char* text : {"BOFT", "3 pictures of 16x16 pixels", "The rotation", "Loss"})
    CHECK_MESSAGE(page.find(text) != std::string::npos, text);
  CHECK(page.find("cross-entropy") == std::string::npos);
  CHECK(at.bytes("made/report.html").find("6 pictures of 16x16 pixels") != std::string::npos);

  const auto pipeline = at.json(words("inspect made"));
  CHECK(pipeline["kind"] == "pipeline");
  CHECK(pipeline["side"] == 16);
  REQUIRE(pipeline["parts"].size() == 3);
  CHECK(pipeline["parts"][0]["part"] == "unet");
  for (const auto& part : pipeline["parts"]) CHECK(part["parameters"] > 0);
  CHECK(at.run(words("inspect made")).out.find("UNet2DConditionModel") != std::string::npos);
  const auto adapters = at.json(words("inspect both"));
  CHECK(adapters["kind"] == "pipeline_adapters");
  CHECK(adapters["parts"]["unet"]["config"]["peft_type"] == "BOFT");
  CHECK(adapters["parts"].contains("text_encoder"));

  const std::string model =
                        "made: is a Stable Diffusion folder; generate, dreambooth and controlnet",
                    adapter = "both: holds adapters of a Stable Diffusion folder's parts; generate";
  test::check_refused(at, {{"evaluate made", 1, model},
                           {"merge made both --out m", 1, model},
                           {"convert made --to nf4 --out q", 1, model},
                           {"finetune made --epochs 1 --out f", 1, model},
                           {"evaluate both", 1, adapter}});
}

TEST_CASE("dreambooth, controlnet, train on captions: what cannot be is said in one line") {
  const Place at;
  fs::create_directories(at / "empty");
  test::write_captioned(at / "plain", 2, 16);
  test::check_refused(
      at, {{"dreambooth sd --instance-data-dir empty --instance-prompt x", 1,
            "empty: holds no picture (.jpg, .jpeg or .png)"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --class-prompt y", 2,
            "--class-prompt"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --with-prior-preservation",
            2, "--class-data-dir: expected with --with-prior-preservation"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --method linear", 2,
            "--method: expected boft, oft, lora, hra, full, got \"linear\""},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --layers-to-transform 0", 2,
            "--layers-to-transform: has a meaning only with an image classifier"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --resolution 15", 2,
            "--resolution: expected a multiple of 2, pixels of a latent, got 15"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --push_to_hub", 2,
            "--push-to-hub: nothing here talks to a network; huggingface-cli upload REPO OUT sends "
            "the run's folder when it is done"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --learning_rate 3e-5 "
            "--output_dir out",
            2, "unknown option --learning_rate: here --lr; --output_dir: here --out"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --validation-prompt d "
            "--num-inference-steps 100000 --out late",
            2, "--num-inference-steps: DDIMScheduler: expected 1 to 1000 steps, got 100000"},
           {"controlnet sd --data shapes --push-to-hub", 2, "--push-to-hub: nothing here talks"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --gradient-checkpointing "
            "--recompute off",
            2, "--gradient-checkpointing: is --recompute blocks, and the line has --recompute off"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --validation-steps 5", 2,
            "--validation-steps: has a meaning only with --validation-prompt"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --adapter-name ../x", 2,
            "--adapter-name: expected a name of 1 to 200 letters"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --adapter-name "
            "adapter_config.json",
            2, "--adapter-name: expected another name than those of an adapter's files"},
           {"dreambooth sd --instance-data-dir own --instance-prompt x --method full "
            "--adapter-name x",
            2, "--adapter-name: has a meaning only with an adapter"},
           {"dreambooth own --instance-data-dir own --instance-prompt x", 1,
            "own: holds no model_index.json"},
           {"controlnet sd --data own", 1, "own: holds no metadata.jsonl or metadata.csv"},
           {"controlnet sd --data plain", 1, "plain: its metadata names no conditioning pictures"},
           {"controlnet sd --data shapes --method full", 2,
            "--method: expected boft, oft, lora, hra, got \"full\""},
           {"generate sd --prompt x --out o --control own/0.png", 2,
            "--control: nothing here reads it"},
           {"train --data shapes --resolution 18", 2, "--resolution: expected a multiple of 4"},
           {"train --data shapes --vae-channels 8,x", 2,
            "--vae-channels: expected whole numbers a,b,c above 0, got 8,x"},
           {"train --data shapes --hidden-size 8", 2, "--hidden-size"}});
  std::string much;
  for (int i = 0; i < 80; ++i) much += "red ";
  const auto refused =
      at.run({"dreambooth", "sd", "--instance-data-dir", "own", "--instance-prompt", much});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("own/0.png: the prompt \"red red") != std::string::npos);
  CHECK_FALSE(fs::exists(at / "runs"));
}
