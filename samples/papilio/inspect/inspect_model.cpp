#include "samples/papilio/inspect/inspect_model.h"

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained.h"
#include "nn/summary.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json modules_json(nn::Module& model, const std::map<std::string, double>& macs) {
  json modules = json::array();
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    modules.push_back({{"path", path}, {"type", module.describe()}});
    if (macs.contains(path)) modules.back()["macs"] = int64_t(macs.at(path));
  });
  return modules;
}

Inspection inspect_language_model(const fs::path& folder) {
  const LoadedLanguageModel loaded = load_language_model(folder);
  nn::LanguageModel& model = *loaded.model;
  const nn::LanguageModel::Shape c = model.shape();
  std::string text =
      str(printable(folder.string()), ": language model of ", c.vocab_size,
          " tokens that looks at ", c.max_positions, " of them\n", c.num_hidden_layers,
          " layers, width ", c.hidden_size, ", ", c.num_attention_heads, " heads, MLP ",
          c.intermediate_size, "; tokenizer of ", loaded.tokenizer->size(), " tokens\n");
  for (const std::string& warning : loaded.warnings) text += "note: " + printable(warning) + '\n';
  return {text + '\n' + nn::summary(static_cast<nn::Module&>(model)),
          std::make_shared<json>(json{{"kind", "language_model"},
                                      {"path", folder.string()},
                                      {"vocab_size", c.vocab_size},
                                      {"max_positions", c.max_positions},
                                      {"hidden_size", c.hidden_size},
                                      {"num_hidden_layers", c.num_hidden_layers},
                                      {"num_attention_heads", c.num_attention_heads},
                                      {"intermediate_size", c.intermediate_size},
                                      {"parameters", nn::count_parameters(model).all},
                                      {"modules", modules_json(model, {})},
                                      {"notes", loaded.warnings}})};
}

// What reading the folder's image processor warns of; why it cannot be read.
std::vector<std::string> processor_notes(const fs::path& folder, const nn::ImageClassifier& model) {
  try {
    return has_processor(folder) ? read_processor(folder, model).warnings
                                 : std::vector<std::string>();
  } catch (const FileError& e) {
    return {e.what()};
  }
}

}  // namespace

Inspection inspect_model(const fs::path& folder) {
  if (holds_language_model(folder)) return inspect_language_model(folder);
  const LoadedModel loaded = load_model(folder);
  nn::ImageClassifier& model = *loaded.model;
  std::vector<std::string> notes = loaded.warnings;
  for (std::string& note : processor_notes(folder, model)) notes.push_back(std::move(note));
  const nn::ImageClassifier::Shape c = model.shape();
  const std::string size = str(c.image_size, 'x', c.image_size);
  std::string text =
      str(printable(folder.string()), ": vision transformer for images of ", size, " pixels with ",
          c.num_channels, c.num_channels == 1 ? " channel" : " channels", ", ",
          loaded.class_names.size(), " classes\n", c.num_hidden_layers, " layers, width ",
          c.hidden_size, ", ", c.num_attention_heads, " heads, MLP ", c.intermediate_size,
          ", patches of ", c.patch_size, 'x', c.patch_size, ", ",
          c.class_token() ? "class token" : "no class token", '\n');
  if (loaded.class_names.size() <= 20)
    text += "classes: " + printable_list(loaded.class_names) + '\n';
  for (const std::string& note : notes) text += "note: " + printable(note) + '\n';
  return {text + '\n' + nn::summary(model),
          std::make_shared<json>(json{{"kind", "model"},
                                      {"path", folder.string()},
                                      {"classes", loaded.class_names},
                                      {"image_size", c.image_size},
                                      {"patch_size", c.patch_size},
                                      {"num_channels", c.num_channels},
                                      {"hidden_size", c.hidden_size},
                                      {"num_hidden_layers", c.num_hidden_layers},
                                      {"num_attention_heads", c.num_attention_heads},
                                      {"intermediate_size", c.intermediate_size},
                                      {"parameters", nn::count_parameters(model).all},
                                      {"modules", modules_json(model, nn::multiply_adds(model))},
                                      {"notes", notes}})};
}

}  // namespace papilio::cli
