#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/models/deit.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/dinov2.h"
#include "nn/models/dinov3.h"
#include "nn/models/gpt2.h"
#include "nn/models/timm_vit.h"
#include "nn/models/vit.h"
#include "tensor/files/detail/json.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// One line a model; what stands in it is at the end of the model's own source.
constexpr ModelType kModels[] = {
    {"vit", make_vit, &kViTRenamings},
    {"papilio_vit", make_vit, &kViTRenamings},  // with options that Transformers does not have
    {"deit", make_deit, &kDeiTRenamings},
    {"dinov2", make_dinov2, &kDinov2Renamings},
    {"dinov2_with_registers", make_dinov2_with_registers, &kDinov2WithRegistersRenamings},
    {"dinov3_vit", make_dinov3, &kDINOv3Renamings},
    {"gpt2", make_gpt2},
    {"timm_vit", make_timm_vit, nullptr, timm_class_names},  // by `architecture`, see below
};

constexpr const char* kTimm = "timm_vit";

// "a", "b" or "c": Transformers' types.
std::string known_types() {
  std::vector<std::string> names;
  for (const ModelType& row : kModels) {
    if (!row.model_type.starts_with("papilio_") && row.model_type != kTimm)
      names.emplace_back(row.model_type);
  }
  return joined(quoted(std::move(names)), ", ", " or ");
}

}  // namespace

std::vector<std::string> read_id2label(JsonFields& fields, int64_t num_labels,
                                       std::vector<std::string>& warnings) {
  const nlohmann::json& labels = fields.value("id2label");
  if (labels.is_null()) return {};
  if (!labels.is_object()) fields.fail("id2label", "an object of names by number");
  std::vector<std::string> names(labels.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = labels.find(std::to_string(i));
    // A number is its text.
    if (found == labels.end() || !(found->is_string() || found->is_number()))
      fields.fail("id2label", "names for 0, 1, 2, ...");
    names[i] = found->is_string() ? found->get<std::string>() : found->dump();
  }
  if (int64_t(names.size()) == num_labels) return names;
  constexpr int64_t kMost = 1'000'000;  // names are made before the weights show how many there are
  if (num_labels > kMost)
    fields.fail("num_labels", str(names.size(), ", as many as id2label has names").c_str());
  warnings.push_back(fields.where() + str(": id2label names ", names.size(),
                                          " classes, num_labels says ", num_labels,
                                          ", which counts: they are called LABEL_0, LABEL_1, ..."));
  names.clear();
  for (int64_t i = 0; i < num_labels; ++i) names.push_back("LABEL_" + std::to_string(i));
  return names;
}

std::span<const ModelType> model_table() {
  return kModels;
}

const ModelType& model_type_of(JsonFields& fields) {
  // timm's configurations say what they are by `architecture`.
  const bool timm =
      fields.value("model_type").is_null() && fields.value("architecture").is_string();
  const std::string type = timm ? kTimm : fields.string("model_type", "");
  for (const ModelType& row : kModels) {
    if (row.model_type == type) return row;
  }
  fields.fail("model_type", known_types().c_str());
}

}  // namespace papilio::nn
