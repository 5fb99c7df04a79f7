#include "samples/papilio/models/language_model.h"

#include <cstdint>
#include <utility>

#include "nn/models/pretrained.h"
#include "nn/text/tokenizer_files.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/run/folder_kind.h"
#include "samples/papilio/run/old_result.h"
#include "tensor/text.h"

namespace papilio::cli {

bool holds_language_model(const std::filesystem::path& folder) {
  check_model_folder(folder);
  return nn::kind_of(folder / "config.json") == nn::ModelKind::language_model;
}

LoadedLanguageModel load_language_model(const std::filesystem::path& folder,
                                        const std::filesystem::path& adapter, bool ignore_unused) {
  check_model_folder(folder);
  nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(folder);
  LoadedLanguageModel result{{std::move(loaded.model), nullptr, std::move(loaded.warnings)},
                             std::make_unique<nn::Tokenizer>(nn::load_tokenizer(folder))};
  const int64_t known = result.model->shape().vocab_size;
  check<FileError>(result.tokenizer->size() <= known, folder.string(),
                   ": the tokenizer has ids to ", result.tokenizer->size() - 1,
                   ", the model knows ", known, " (vocab_size)");
  warn_of_old_result(folder, result.warnings);
  warn_of_non_finite(*result.model, folder, result.warnings);
  if (!adapter.empty())
    result.adapters = put_adapter(*result.model, adapter, ignore_unused, result.warnings);
  return result;
}

std::vector<int64_t> ids_of(const nn::Tokenizer& tokenizer, const std::string& text,
                            const std::string& name) {
  try {
    return tokenizer.encode(text);
  } catch (const ArgumentError& e) {
    throw UsageError(str(name, ": ", e.what()));
  }
}

}  // namespace papilio::cli
