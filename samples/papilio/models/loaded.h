// A model of any kind with the adapters on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/module.h"

namespace papilio::cli {

template <class Model>
struct Loaded {
  std::unique_ptr<Model> model;                  // adapters hold pointers into it
  std::unique_ptr<boft::AdapterModel> adapters;  // null without
  std::vector<std::string> warnings;

  // Moves both.
  void to(Device device) {
    if (adapters)
      adapters->to(device);
    else
      nn::to(*model, device);
  }
};

}  // namespace papilio::cli
