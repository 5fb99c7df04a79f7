// Predictions on the screen, or in a file for spreadsheets and scripts.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
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

// What a command answers.
struct Answers {
  const nlohmann::json& object;  // what --json prints
  std::string table;             // what the screen shows else
  std::string file;              // what --out holds
  std::string count;             // "3 images"
};
// Shows them; with a file named `out` they go there, and the screen says so. If that cannot be
// written they are shown all the same, so that nothing is lost, and the FileError goes on.
void show_answers(const Answers& answers, const std::string& out, bool json);

}  // namespace papilio::cli
