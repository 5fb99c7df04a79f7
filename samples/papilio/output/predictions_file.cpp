#include "samples/papilio/output/predictions_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "samples/papilio/options/common.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == field.npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + '"';
}

}  // namespace

std::string predictions_csv(const std::vector<Prediction>& predictions,
                            const std::string& measure) {
  const bool labelled =
      std::ranges::any_of(predictions, [](const Prediction& p) { return !p.label.empty(); });
  std::string text = (labelled ? "image,label,class," : "image,class,") + measure;
  const size_t shown = predictions.empty() ? 1 : predictions[0].top.size();
  for (size_t k = 2; k <= shown; ++k) text += str(",class_", k, ',', measure, '_', k);
  text += '\n';
  for (const Prediction& p : predictions) {
    text += quoted(p.image);
    if (labelled) text += ',' + quoted(p.label);
    for (const Prediction::Guess& guess : p.top)
      text += str(',', quoted(guess.name), ',', guess.probability);
    text += '\n';
  }
  return text;
}

void show_answers(const Answers& a, const std::string& out, bool json) {
  const auto show = [&] {
    if (json)
      print_json(a.object);
    else
      std::printf("%s", a.table.c_str());
  };
  if (out.empty()) return show();
  try {
    write_file_atomically(out, a.file);
  } catch (const FileError&) {
    show();
    throw;
  }
  if (json)
    show();
  else
    std::printf("%s: %s\n", out.c_str(), a.count.c_str());
}

}  // namespace papilio::cli
