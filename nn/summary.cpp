#include "nn/summary.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/detail/text_table.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// The module's own tensors, without those of its children.
struct OwnTensors {
  std::vector<std::string> shapes;
  int64_t all = 0, trainable = 0;
};

OwnTensors own_tensors(Module& module) {
  OwnTensors own;
  for (const auto& [name, tensor] : named_parameters(module, true)) {
    if (name.find('.') != std::string::npos) continue;
    own.shapes.push_back(str(name, tensor->shape()));
    own.all += tensor->numel();
    if (tensor->requires_grad()) own.trainable += tensor->numel();
  }
  return own;
}

// `macs` null: without that column.
std::string table_of(Module& module, const std::map<std::string, double>* macs) {
  std::vector<std::vector<std::string>> rows{
      {"module", "type", "parameters", "number", "trainable"}};
  if (macs) rows[0].emplace_back("MACs an image");
  double all_macs = 0;
  for_each_module(module, [&](const std::string& path, Module& m) {
    const OwnTensors own = own_tensors(m);
    rows.push_back({path, m.describe(), joined(own.shapes, " "), with_commas(own.all),
                    with_commas(own.trainable)});
    if (!macs) return;
    const auto found = macs->find(path);
    rows.back().push_back(found == macs->end() ? "" : with_commas(int64_t(found->second)));
    if (found != macs->end()) all_macs += found->second;
  });
  const auto [trainable, all] = count_parameters(module);
  rows.push_back({"total", "", "", with_commas(all), with_commas(trainable)});
  if (macs) rows.back().push_back(with_commas(int64_t(all_macs)));
  return table(rows, 3);
}

// Output positions of the convolution at this path: of a stem's k-th layer, whose pooling comes
// behind it, or of a patch projection.
double pixels(const std::string& path, const ImageClassifier::Shape& s) {
  constexpr std::string_view kStem = "conv_stem.layer.";
  const size_t stem = path.find(kStem);
  const int64_t side = stem == std::string::npos
                           ? s.image_size / s.patch_size
                           : s.image_size >> std::stoi(path.substr(stem + kStem.size()));
  return double(side * side);
}

}  // namespace

std::map<std::string, double> multiply_adds(ImageClassifier& model) {
  const ImageClassifier::Shape s = model.shape();
  const int64_t side = s.image_size / s.patch_size;
  const double tokens = double(side * side + s.prefix_tokens);
  std::map<std::string, double> macs;
  for_each_module(model, [&](const std::string& path, Module& module) {
    const Extent extent{model.in_head(path) ? 1 : tokens, pixels(path, s)};
    if (const double own = module.multiply_adds(extent); own > 0) macs[path] = own;
  });
  return macs;
}

std::string summary(Module& module) {
  return table_of(module, nullptr);
}

std::string summary(ImageClassifier& model) {
  const std::map<std::string, double> macs = multiply_adds(model);
  return table_of(model, &macs);
}

}  // namespace papilio::nn
