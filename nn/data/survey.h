// A look at every picture of a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/data/sources/image_dataset.h"

namespace papilio::nn {

struct ImageSurvey {
  struct Range {
    int64_t least = 0, median = 0, most = 0;
  };
  struct Problem {
    int64_t position;
    std::string message;  // begins with the picture's name
  };
  int64_t readable = 0, grey = 0;  // grey: of the readable ones
  Range width, height;             // of the readable ones, in pixels
  std::vector<Problem> corrupt;    // in the data's order
};

// Reads all pictures on so many threads, or as many as the system gives. on_progress is called now
// and then, by this thread alone, with the number of pictures done; returning false ends the survey
// with what was read.
ImageSurvey survey(const ImageDataset& data, int64_t threads,
                   const std::function<bool(int64_t done)>& on_progress = nullptr);

}  // namespace papilio::nn
