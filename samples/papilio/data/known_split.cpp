#include "samples/papilio/data/known_split.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <system_error>

#include "nn/data/formats/detail/file.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/options/toml.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLargest = 1'000'000;

using Values = std::map<std::string, std::string>;

constexpr const char* kNoted[] = {kDataKey, kValidationShareKey, kTestShareKey, kSplitSeedKey};

// The settings of the run that made a folder; none if nothing says them. Of a merged model those
// of its adapter, or else its base; `gone` is set to a part that is not there.
Values run_settings(const fs::path& folder, std::string& gone, int depth = 0) {
  Values values;
  try {
    std::error_code ignored;
    const bool replaced =
        fs::exists(folder / kResultSettings, ignored);  // a new run has begun there
    const std::string file = (folder / (replaced ? kResultSettings : kRunSettings)).string();
    for (const TomlEntry& entry : parse_toml(read_file(file, kLargest), file)) {
      if (entry.values.size() == 1) values[entry.key] = entry.values[0];
    }
  } catch (const FileError&) {
    return {};
  }
  if (values["command"] != "merge" || depth > 4) return values;
  const auto of_parts = [](const char* key) { return std::string(kTrainedPrefix) + key; };
  if (values.contains(of_parts(kDataKey))) {
    Values noted;
    for (const char* key : kNoted) {
      if (values.contains(of_parts(key))) noted[key] = values[of_parts(key)];
    }
    return noted;
  }
  for (const char* part : {"adapter", "model"}) {
    std::error_code ignored;
    if (!fs::exists(values[part], ignored)) {
      gone = values[part];
      continue;
    }
    Values of_part = run_settings(values[part], gone, depth + 1);
    if (of_part.contains(kDataKey)) return of_part;
  }
  return {};
}

// The settings of the run that made the adapter, or else the model.
Values training_settings(const std::string& model, const std::string& adapter) {
  std::string gone;
  for (const std::string& folder : {adapter, model}) {
    Values run = run_settings(folder, gone);
    if (run.contains(kDataKey)) return run;
  }
  return {};
}

bool same_path(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

}  // namespace

std::string trained_on(const std::string& model, const std::string& adapter) {
  const Values run = training_settings(model, adapter);
  std::string lines;
  for (const char* name : kNoted) {
    const auto noted = run.find(name);
    if (noted == run.end()) continue;
    const std::string value = noted->first == kDataKey ? toml_string(noted->second) : noted->second;
    lines += str(kTrainedPrefix, name, " = ", value, '\n');
  }
  return lines;
}

std::string trained_data(const std::string& model, const std::string& adapter) {
  return training_settings(model, adapter)[kDataKey];
}

int64_t trained_image_size(const std::string& adapter) {
  std::string gone;
  const Values run = run_settings(adapter, gone);
  const auto noted = run.find(kImageSizeKey);
  int64_t size = 0;
  if (noted != run.end())
    std::from_chars(noted->second.data(), noted->second.data() + noted->second.size(), size);
  return size;
}

std::vector<std::string> take_known_split(const Options& options, DataSettings& s,
                                          const std::vector<std::string>& folders,
                                          int64_t* sequence_length) {
  if (digits_source().recognises(s.path)) return {};  // they come divided
  std::vector<std::string> warnings;
  bool taken = false;
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    std::string gone;
    const Values run = run_settings(folder, gone);
    if (!gone.empty()) {
      warnings.push_back(folder + ": was merged from " + gone +
                         ", which is not there: it is not known what it was trained on");
    }
    const auto data = run.find(kDataKey);
    if (data == run.end()) continue;
    const bool same = same_path(data->second, s.path);
    std::string differing;
    const auto compare = [&](const char* name, auto& own) {
      const auto noted = run.find(name);
      if (noted == run.end()) return;
      const std::string& text = noted->second;
      auto value = own;
      std::from_chars(text.data(), text.data() + text.size(), value);
      if (same && !taken && !options.given(&own)) own = value;
      if (value != own) differing += str(" --", name, ' ', text);
    };
    compare(kValidationShareKey, s.validation_share);
    compare(kTestShareKey, s.test_share);
    compare(kSplitSeedKey, s.split_seed);
    if (same && sequence_length != nullptr) compare(kSequenceLengthKey, *sequence_length);
    taken |= same;
    if (differing.empty()) continue;
    warnings.push_back(same ? folder + ": was trained on these data with" + differing +
                                  ": some of what is held out now was trained on"
                            : folder + ": was trained on " + data->second + " with" + differing +
                                  "; if these are the same data, give the same");
  }
  return warnings;
}

}  // namespace papilio::cli
