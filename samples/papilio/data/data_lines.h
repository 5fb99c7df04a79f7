// What the data of a run are, in lines "key = value": all ranks of a run have the same, and so has
// a run that goes on.
#pragma once

#include <string>

#include "samples/papilio/data/training_data.h"

namespace papilio::cli {

// "data.train = 60 samples, 12345 bytes, checksum of their sizes 17": of each part that trains or
// validates, with the sizes of the files that its samples lie in, each file once. Nothing is read:
// of more than 65,536 samples as many, evenly spaced, are looked at.
std::string data_lines(const TrainingData& data);

}  // namespace papilio::cli
