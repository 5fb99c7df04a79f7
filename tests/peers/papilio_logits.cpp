// What a model of a folder answers, of whichever kind; compare_quantized.py writes what it reads.
//
//   papilio_logits MODEL INPUTS OUT
//
// INPUTS: safetensors with ids (B, T) int64 or images (B, C, H, W). OUT: safetensors with logits.
#include <iostream>
#include <string>

#include "autograd/grad_mode.h"
#include "nn/models/pretrained.h"
#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tests/peers/or_say.h"

namespace papilio::test {
namespace {

// `p`: as from_pretrained gives it.
template <class Pretrained>
Tensor logits(const Pretrained& p, const Tensor& inputs) {
  for (const std::string& warning : p.warnings) std::cerr << warning << '\n';
  const NoGrad no_grad;
  nn::eval(*p.model);
  return (*p.model)(inputs);
}

int run(int argc, char** argv) {
  check(argc == 4, "papilio_logits: expected MODEL INPUTS OUT");
  const auto inputs = load_safetensors(argv[2]).tensors;
  const Tensor answers = inputs.contains("ids")
                             ? logits(nn::language_model_from_pretrained(argv[1]), inputs.at("ids"))
                             : logits(nn::from_pretrained(argv[1]), inputs.at("images"));
  save_safetensors(argv[3], {{"logits", answers}});
  return 0;
}

}  // namespace
}  // namespace papilio::test

int main(int argc, char** argv) {
  return papilio::test::or_say([&] { return papilio::test::run(argc, argv); });
}
