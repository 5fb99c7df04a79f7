#include "samples/papilio/models/blend.h"

#include <algorithm>
#include <functional>
#include <string>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/models/quantized_model.h"
#include "tensor/copy.h"

namespace papilio::cli {

namespace {

// The weights of `model` but those that `skip` says, so far towards those of `other`.
size_t blend_weights(nn::Module& model, nn::Module& other, const std::filesystem::path& folder,
                     double strength, const std::function<bool(const std::string&)>& skip) {
  for (nn::Module* m : {&model, &other})
    check<FileError>(!nn::is_quantized(*m), folder.string(),
                     ": it or the model it is to blend with is quantised, and codes do not blend");
  const NoGrad no_grad;
  const nn::StateDict from = nn::state_dict(model), to = nn::state_dict(other);
  size_t differ = 0;
  for (const auto& [name, tensor] : from) {
    if (skip(name)) continue;
    const auto found = to.find(name);
    check<FileError>(found != to.end() && found->second.shape() == tensor.shape(), folder.string(),
                     ": is no finetuned form of the model: ", name, " has shape ", tensor.shape(),
                     " here and ", found == to.end() ? "is not there" : str(found->second.shape()));
    const Tensor difference = found->second - tensor;
    if (max(abs(difference)).item() == 0) continue;
    ++differ;
    copy_(tensor, strength == 1 ? found->second : tensor + strength * difference);
  }
  return differ;
}

}  // namespace

size_t blend(LoadedModel& loaded, const std::filesystem::path& folder, double strength) {
  LoadedModel other = load_model(folder);
  other.to(nn::device_of(*loaded.model));
  const size_t differ =
      blend_weights(*loaded.model, *other.model, folder, strength,
                    [&](const std::string& name) { return loaded.model->in_head(name); });
  take_classifier(loaded, folder);
  return differ;
}

size_t blend(LoadedLanguageModel& loaded, const std::filesystem::path& folder, double strength) {
  LoadedLanguageModel other = load_language_model(folder);
  other.to(nn::device_of(*loaded.model));
  return blend_weights(*loaded.model, *other.model, folder, strength,
                       [](const std::string&) { return false; });
}

}  // namespace papilio::cli
