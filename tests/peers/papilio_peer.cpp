// The half of the comparison with PEFT that runs here; compare.py writes what it reads and reads
// what it writes.
//
//   papilio_peer BASE BATCH OUT STEPS NAME=FOLDER...
//
// BASE: a Transformers folder. BATCH: safetensors with pixel_values (B, C, H, W) and labels (B).
// The adapters become active in the order given. Written into OUT:
//   result.safetensors    logits; merged_logits; trained_logits, after STEPS steps of AdamW
//   gradients/            the adapters with the gradient of the mean cross entropy as their values
//   trained/              the adapters after training
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "nn/optim/optimizer.h"
#include "tensor/files/safetensors.h"
#include "tests/peers/gradients.h"
#include "tests/peers/or_say.h"

namespace papilio::test {
namespace {

namespace fs = std::filesystem;

struct NamedFolder {
  std::string name;
  fs::path folder;
};

std::vector<NamedFolder> parse(int count, char** words) {
  std::vector<NamedFolder> result;
  for (int i = 0; i < count; ++i) {
    const std::string word = words[i];
    const size_t equals = word.find('=');
    check(equals != std::string::npos, "papilio_peer: expected NAME=FOLDER, got ", word);
    result.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  return result;
}

template <class Model>
Tensor evaluate(Model& model, const Tensor& images) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(images);
}

template <class Model>
void train(Model& model, const SafetensorsFile& batch, int64_t steps) {
  nn::train(model);
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = 1e-2});
  for (int64_t i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    backward(cross_entropy(model(batch.tensors.at("pixel_values")), batch.tensors.at("labels")));
    optimizer.step();
  }
}

template <class Model>
void compare(Model& model, const SafetensorsFile& batch, const fs::path& out, int64_t steps,
             const std::vector<NamedFolder>& folders) {
  const Tensor& images = batch.tensors.at("pixel_values");
  boft::AdapterModel adapters(model);
  std::vector<std::string> names;
  for (const auto& [name, folder] : folders) {
    for (const std::string& warning : boft::load_adapter(adapters, folder, name))
      std::cout << warning << '\n';
    names.push_back(name);
  }
  adapters.set_adapter(names);
  const auto save = [&](const char* what) {
    for (const std::string& name : names) boft::save_adapter(adapters, out / what, name);
  };

  std::map<std::string, Tensor> result{{"logits", evaluate(model, images)}};
  adapters.merge(true);
  result["merged_logits"] = evaluate(model, images);
  adapters.unmerge();

  train(model, batch, steps);
  result["trained_logits"] = evaluate(model, images);
  save("trained");

  // From the values that were loaded again.
  for (const std::string& name : names) adapters.delete_adapter(name);
  for (const auto& [name, folder] : folders) boft::load_adapter(adapters, folder, name);
  adapters.set_adapter(names);
  nn::zero_grad(model);
  backward(cross_entropy(model(images), batch.tensors.at("labels")));
  become_gradients(model);
  save("gradients");
  save_safetensors(out / "result.safetensors", result);
}

int run(int argc, char** argv) {
  check(argc >= 6, "papilio_peer: expected BASE BATCH OUT STEPS NAME=FOLDER...");
  const SafetensorsFile batch = load_safetensors(argv[2]);
  const nn::PretrainedClassifier base = nn::from_pretrained(argv[1]);
  compare(*base.model, batch, argv[3], std::stoll(argv[4]), parse(argc - 5, argv + 5));
  return 0;
}

}  // namespace
}  // namespace papilio::test

int main(int argc, char** argv) {
  return papilio::test::or_say([&] { return papilio::test::run(argc, argv); });
}
