// What the data of a run are, in lines "key = value": all ranks of a run have the same, and so has
// a run that goes on.
#pragma once

#include <string>

#include "samples/papilio/data/training_data.h"

namespace papilio::cli {

// "data.train = 60 samples, 12345 bytes, checksum 17": of each part that trains or validates, with
// the sizes of its pictures' files, or of the archives that they lie in. Nothing is read: of more
// than 65,536 samples as many, evenly spaced, are looked at.
std::string data_lines(const TrainingData& data);

}  // namespace papilio::cli
