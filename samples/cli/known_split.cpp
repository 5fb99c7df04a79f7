#include "samples/cli/known_split.h"

#include <charconv>
#include <filesystem>
#include <map>

#include "nn/data/file.h"
#include "samples/cli/toml.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLargest = 1'000'000;

using Values = std::map<std::string, std::string>;

// The settings of the run that made a folder; none where nothing says them.
Values run_settings(const fs::path& folder, int depth = 0) {
  Values values;
  try {
    const std::string file = (folder / "run.toml").string();
    for (const TomlEntry& entry : parse_toml(nn::read_file(file, kLargest), file)) {
      if (entry.values.size() == 1) values[entry.key] = entry.values[0];
    }
  } catch (const FileError&) {
    return {};
  }
  if (values["command"] != "merge" || depth > 4) return values;
  const Values adapter = run_settings(values["adapter"], depth + 1);
  return adapter.contains("data") ? adapter : run_settings(values["model"], depth + 1);
}

bool same_path(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

}  // namespace

std::vector<std::string> take_known_split(const Options& options, DataSettings& s,
                                          const std::vector<std::string>& folders) {
  if (s.digits()) return {};
  std::vector<std::string> warnings;
  bool taken = false;
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    const Values run = run_settings(folder);
    const auto data = run.find("data");
    if (data == run.end() || data->second == "digits") continue;
    const bool same = same_path(data->second, s.path);
    std::string differing;
    const auto compare = [&](const char* name, auto& own) {
      const auto noted = run.find(name);
      if (noted == run.end()) return;
      const std::string& text = noted->second;
      auto value = own;
      std::from_chars(text.data(), text.data() + text.size(), value);
      if (same && !taken && !options.given(name)) own = value;
      if (value != own) differing += str(" --", name, ' ', text);
    };
    compare("validation-share", s.validation_share);
    compare("test-share", s.test_share);
    compare("split-seed", s.split_seed);
    taken |= same;
    if (differing.empty()) continue;
    warnings.push_back(same ? folder + ": was trained on these data with" + differing +
                                  ": some of the images held out now were trained on"
                            : folder + ": was trained on " + data->second + " with" + differing +
                                  "; if these are the same images, give the same");
  }
  return warnings;
}

}  // namespace papilio::cli
