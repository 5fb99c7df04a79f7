// Predictions in a file, for spreadsheets and scripts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace papilio::cli {

// What a model says of one image: classes, the likeliest first.
struct Prediction {
  struct Guess {
    std::string name;
    double probability;
  };
  std::string image, label;  // the label is empty if it is not known
  std::vector<Guess> top;    // never empty; as long for every image
};

// A line an image: image, label (if any image has one), class, probability, and the same of the
// next classes as class_2, probability_2, ...; fields are quoted if RFC 4180 asks for it.
// measure: what stands in probability's place if the numbers are none.
std::string predictions_csv(const std::vector<Prediction>& predictions,
                            const std::string& measure = "probability");

}  // namespace papilio::cli
