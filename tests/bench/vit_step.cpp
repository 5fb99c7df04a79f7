#include "tests/bench/vit_step.h"

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/optim/parameter_groups.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::bench {

const Size kDigits{"digits",
                   {.image_size = 8,
                    .patch_size = 2,
                    .num_channels = 1,
                    .hidden_size = 64,
                    .num_hidden_layers = 4,
                    .num_attention_heads = 4,
                    .intermediate_size = 256,
                    .num_labels = 10},
                   128};
const Size kImages32{"32x32 patch 4",
                     {.image_size = 32,
                      .patch_size = 4,
                      .num_channels = 3,
                      .hidden_size = 192,
                      .num_hidden_layers = 6,
                      .num_attention_heads = 3,
                      .intermediate_size = 768,
                      .num_labels = 10},
                     64};

Step::Step(const Size& size, Method method, Device device, nn::Recompute recompute)
    : frozen_(method == Method::frozen),
      precision_(size.precision),
      model_(size.config),
      images_(randn(
          {size.batch, size.config.num_channels, size.config.image_size, size.config.image_size},
          {.device = device})),
      labels_(copy_of(randint(0, size.config.num_labels, {size.batch}), device)) {
  nn::to(model_, device);
  nn::set_recompute(model_, recompute);
  const boft::ModuleNames every{
      "query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"};
  if (method == Method::frozen) {
    nn::set_trainable(model_.vit, false);
  } else if (method != Method::full) {
    adapters_ = std::make_unique<boft::AdapterModel>(model_);
    if (method == Method::lora) {
      adapters_->add_adapter(
          "a",
          boft::LoraConfig{.r = 8, .target_modules = every, .modules_to_save = {"classifier"}});
    } else if (method == Method::oft) {
      adapters_->add_adapter("a", boft::OftConfig{.oft_block_size = 8,
                                                  .use_cayley_neumann = false,
                                                  .target_modules = every,
                                                  .modules_to_save = {"classifier"}});
    } else {
      adapters_->add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                                   .boft_n_butterfly_factor = 2,
                                                   .target_modules = every,
                                                   .modules_to_save = {"classifier"}});
    }
  }
  optimizer_ = std::make_unique<nn::AdamW>(nn::parameter_groups(model_, {.weight_decay = 0.05}));
}

void Step::operator()() {
  optimizer_->zero_grad();
  backward(loss());
  optimizer_->step();
}

Tensor Step::loss() {
  const Autocast scope(precision_);
  Tensor tokens = model_.vit.embeddings(images_);
  // Gradients of all activations, though nothing below the head trains: what any adapter has to
  // pay.
  if (frozen_) tokens = leaf(tokens.detach());
  return cross_entropy(model_.classifier(model_.vit.encode(tokens)), labels_);
}

}  // namespace papilio::bench
