// Which data a model has not seen: a run holds some out and says which in its run.toml.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/data/data.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// What the run.toml of a merged model says of the images its adapter, or else its base, was trained
// on: lines "trained-data = ...", so that neither folder needs to stay. Empty if they say
// nothing.
std::string trained_on(const std::string& model, const std::string& adapter);

// What --data was for them, as trained_on finds it; empty if nothing says it.
std::string trained_data(const std::string& model, const std::string& adapter);

// Takes --validation-share, --test-share and --split-seed, if they are not given, from the
// run.toml of the first of these folders (an adapter, a model) that was trained on the same data;
// of a merged model it is that of its parts. Returns a line for each that differs from what is
// used (some of what is evaluated was trained on then), and for each merged model that does
// not say and whose parts are gone. Of a text the pieces that it is cut into count too:
// sequence_length is the variable that --sequence-length fills.
std::vector<std::string> take_known_split(const Options& options, DataSettings& settings,
                                          const std::vector<std::string>& folders,
                                          int64_t* sequence_length = nullptr);

// --image-size of the run that made the adapter folder; 0 if nothing says one.
int64_t trained_image_size(const std::string& adapter);

}  // namespace papilio::cli
