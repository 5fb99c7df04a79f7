// What inspect shows of each kind of thing: as text for people, as JSON for machines.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace papilio::cli {

struct Report {
  std::string text;
  std::shared_ptr<nlohmann::json> json;
  int code = 0;  // to exit with
};

Report inspect_model(const std::filesystem::path& folder);
Report inspect_adapter(const std::filesystem::path& folder);
Report inspect_safetensors(const std::filesystem::path& file);
// Which layers of the model (its config.json is enough) a configuration would adapt; where one does
// not fit, why, and the code 1.
Report would_adapt(const std::filesystem::path& adapter_config, const std::filesystem::path& model);

}  // namespace papilio::cli
