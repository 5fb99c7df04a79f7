// What inspect shows of a thing: as text for people, as JSON for machines.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace papilio::cli {

struct Inspection {
  std::string text;
  std::shared_ptr<nlohmann::json> json;
  int code = 0;  // to exit with
};

}  // namespace papilio::cli
