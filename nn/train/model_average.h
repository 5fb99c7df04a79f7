// An exponential moving average of a model's trained parameters (Polyak averaging), which often
// tells classes apart better than the parameters themselves.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nn/module.h"

namespace papilio::nn {

class ModelAverage {
 public:
  // Begins at the parameters that train now; the module outlives it. decay in [0, 1).
  ModelAverage(Module& model, double decay);

  // average = d average + (1 - d) parameter, with d = min(decay, (1 + t) / (10 + t)) at update t:
  // the start is forgotten soon.
  void update();
  double decay() const { return decay_; }
  int64_t updates() const { return updates_; }

  // While it lives, the model's trained parameters are the averages; their own values come back
  // bit for bit.
  class Shown {
   public:
    explicit Shown(ModelAverage& average) : average_(average) { average_.swap(); }
    ~Shown() { average_.swap(); }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;

   private:
    ModelAverage& average_;
  };
  [[nodiscard]] Shown show() { return Shown(*this); }

  // The parameters become the averages for good.
  void apply();

  // Averages by parameter name, and "updates"; sharing memory.
  StateDict state_dict() const;
  // Copies them back. Throws ArgumentError if names or shapes do not fit, and then changes
  // nothing.
  void load_state_dict(const StateDict& state);

 private:
  struct Entry {
    std::string name;
    Tensor parameter, average;
  };

  void swap();

  std::vector<Entry> entries_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace papilio::nn
