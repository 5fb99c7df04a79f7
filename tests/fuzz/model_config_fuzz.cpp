// config.json of any bytes: a model, whose own config.json describes the same one if it is a
// classifier, or an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "tensor/error.h"
#include "tests/fuzz/memory_file.h"
#include "tests/tensor/faults.h"

namespace {

using namespace papilio;

// As save_pretrained writes it.
std::string written(const nn::PretrainedClassifier& pretrained) {
  nn::ConfigFields fields = pretrained.model->other_config;
  for (const auto& [key, value] : pretrained.model->config_fields()) fields[key] = value;
  std::vector<std::string> names = pretrained.class_names;
  names.resize(size_t(pretrained.model->shape().num_labels), "a name");
  for (const auto& [key, value] : pretrained.model->label_fields(names)) fields[key] = value;
  std::string text = "{";
  for (const auto& [key, value] : fields) {
    text += text.size() > 1 ? "," : "";
    text += nlohmann::json(key).dump() + ':' + value;
  }
  return text + '}';
}

// A language model, or an Error.
void read_language_model(const std::string& path) {
  try {
    nn::language_model_from_config(path);
  } catch (const FileError&) {
  } catch (const ArgumentError&) {
  } catch (const OutOfMemoryError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::MemoryFile file;
  fail_allocations_above(1 << 20);  // larger models are built alike, for longer
  const nn::SkipInit skip;
  file.write(data, size);
  read_language_model(file.path());
  try {
    const nn::PretrainedClassifier model = nn::from_config(file.path());
    if (model.model->shape().num_labels > 1000) return 0;
    const std::string text = written(model);
    file.write(text.data(), text.size());
    const nn::PretrainedClassifier again = nn::from_config(file.path());
    if (again.model->config_fields() != model.model->config_fields()) std::abort();
  } catch (const FileError&) {
  } catch (const ArgumentError&) {
  }
  return 0;
}
