#include "samples/papilio/run/blend.h"

#include <algorithm>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "tensor/copy.h"

namespace papilio::cli {

size_t blend(LoadedModel& loaded, const std::filesystem::path& folder, double strength) {
  const NoGrad no_grad;
  LoadedModel other = load_model(folder);
  const nn::StateDict from = nn::state_dict(*loaded.model), to = nn::state_dict(*other.model);
  size_t differ = 0;
  for (const auto& [name, tensor] : from) {
    if (loaded.model->in_head(name)) continue;
    const auto found = to.find(name);
    check<FileError>(found != to.end() && found->second.shape() == tensor.shape(), folder.string(),
                     ": is no finetuned form of the model: ", name, " has shape ", tensor.shape(),
                     " here and ", found == to.end() ? "is not there" : str(found->second.shape()));
    const Tensor difference = found->second - tensor;
    if (max(abs(difference)).item() == 0) continue;
    ++differ;
    copy_(tensor, strength == 1 ? found->second : tensor + strength * difference);
  }
  take_classifier(loaded, folder);
  return differ;
}

}  // namespace papilio::cli
