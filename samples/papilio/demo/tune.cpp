#include "samples/papilio/demo/tune.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nn/train/fit.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"

namespace papilio::demo {

namespace {

struct Trial {
  double lr;
  nn::Evaluation validation;
};

// One method with one rate; nothing if a signal ended it.
std::optional<Trial> attempt(DemoMethod method, double lr, const Task& task,
                             const Hyperparameters& hyperparameters, const Pretrained& pretrained) {
  method.lr = lr;
  Run run(pretrained, method, kTuneSeed);
  run.train(task, hyperparameters, std::numeric_limits<int64_t>::max(),
            [](int64_t, double, int64_t) { return cli::Interruptible::signal() == 0; });
  if (cli::Interruptible::signal() != 0) return {};
  return Trial{lr, run.evaluate(task.batches(task.new_classes.validation))};
}

nlohmann::json as_json(const DemoMethod& method, const std::vector<Trial>& trials, double best) {
  nlohmann::json list = nlohmann::json::array();
  for (const Trial& t : trials) {
    list.push_back({{"learning_rate", t.lr},
                    {"validation_loss", t.validation.loss},
                    {"validation_accuracy", t.validation.accuracy}});
  }
  return {{"name", method.name}, {"trials", list}, {"learning_rate", best}};
}

}  // namespace

int tune(const Task& task, const Hyperparameters& hyperparameters, const Pretrained& pretrained,
         bool json) {
  const auto say = [json](const std::string& text) {
    if (!json) std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  nlohmann::json document{{"rule", kRateRule}, {"methods", nlohmann::json::array()}};
  say(str(kRateRule, "\n\n", std::left, std::setw(18), "validation loss"));
  for (double lr : kRates) say(str(std::setw(18), cli::short_number(lr)));
  say(str(std::setw(10), "best", '\n'));
  for (const DemoMethod& method : methods()) {
    say(str(std::left, std::setw(18), method.label));
    std::vector<Trial> trials;
    for (double lr : kRates) {
      const auto trial = attempt(method, lr, task, hyperparameters, pretrained);
      if (!trial) return 128 + cli::Interruptible::signal();
      say(str(std::setw(18), cli::short_number(trial->validation.loss) + " (" +
                                 cli::percent(trial->validation.accuracy) + ')'));
      trials.push_back(*trial);
    }
    const double best =
        std::ranges::min_element(trials, {}, [](const Trial& t) { return t.validation.loss; })->lr;
    say(str(std::setw(10), cli::short_number(best), '\n'));
    document["methods"].push_back(as_json(method, trials, best));
  }
  if (json) cli::print_json(document);
  return 0;
}

}  // namespace papilio::demo
