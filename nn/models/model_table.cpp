#include <string>
#include <vector>

#include "nn/models/detail/model_table.h"
#include "nn/models/dinov2.h"
#include "nn/models/vit.h"
#include "tensor/files/detail/json.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// One line a model; what stands in it is at the end of the model's own source.
constexpr ModelType kModels[] = {
    {"vit", make_vit, &kViTRenamings},
    {"papilio_vit", make_vit, &kViTRenamings},  // with options that Transformers does not have
    {"dinov2", make_dinov2, &kDinov2Renamings},
    {"dinov2_with_registers", make_dinov2_with_registers, &kDinov2WithRegistersRenamings},
};

// "a", "b" or "c": Transformers' types.
std::string known_types() {
  std::vector<std::string> names;
  for (const ModelType& row : kModels) {
    if (!row.model_type.starts_with("papilio_")) names.push_back(str('"', row.model_type, '"'));
  }
  const std::string last = names.back();
  names.pop_back();
  return joined(names, ", ") + " or " + last;
}

}  // namespace

std::span<const ModelType> model_table() {
  return kModels;
}

const ModelType& model_type_of(JsonFields& fields) {
  const std::string type = fields.string("model_type", "");
  for (const ModelType& row : kModels) {
    if (row.model_type == type) return row;
  }
  fields.fail("model_type", known_types().c_str());
}

}  // namespace papilio::nn
