#include "nn/models/attention_maps.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "tensor/creation.h"

namespace papilio::nn {

AttentionMaps attention_maps(ImageClassifier& model, const Tensor& images) {
  const NoGrad no_grad;
  const ImageClassifier::Shape shape = model.shape();
  check(shape.num_hidden_layers > 0, "attention_maps: the model has no attention layers");
  std::vector<Tensor> layers;  // (B, T, T)
  model.attention(to(images, device_of(model)),
                  [&](const Tensor& p) { layers.push_back(mean(p, {1})); });

  const Tensor& top = layers.back();
  const int64_t B = top.size(0), T = top.size(1);
  const TensorOptions options{.dtype = top.dtype(), .device = top.device()};
  Tensor looks = shape.class_token()
                     ? concat({ones({B, 1, 1}, options), zeros({B, 1, T - 1}, options)}, 2)
                     : full({B, 1, T}, 1 / double(T), options);
  const auto patches = [&](const Tensor& weights) {
    return reshape(slice(weights, 2, shape.prefix_tokens),
                   {B, images.size(2) / shape.patch_size, images.size(3) / shape.patch_size});
  };
  const Tensor last = matmul(looks, top);
  for (size_t l = layers.size(); l-- > 0;) looks = (looks + matmul(looks, layers[l])) * 0.5;
  return {patches(last), patches(looks)};
}

}  // namespace papilio::nn
