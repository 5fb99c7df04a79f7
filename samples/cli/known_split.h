// Which images a model has not seen: a run holds some out and says which in its run.toml.
#pragma once

#include <string>
#include <vector>

#include "samples/cli/data.h"

namespace papilio::cli {

// Takes --validation-share, --test-share and --split-seed, where they are not given, from the
// run.toml of the first of these folders (an adapter, a model) that was trained on the same data;
// of a merged model it is that of its parts. Returns a line for each that differs from what is
// used: some images that are evaluated were trained on then.
std::vector<std::string> take_known_split(const Options& options, DataSettings& settings,
                                          const std::vector<std::string>& folders);

}  // namespace papilio::cli
