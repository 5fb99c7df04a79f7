#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/join.h"
#include "autograd/ops/softmax.h"
#include "autograd/ops/to.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/data/images.h"
#include "samples/papilio/data/number_ranges.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/table.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, digit, corrupt = "fail";
  std::vector<std::string> images;
  int64_t top = 3;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "predict", "MODEL [IMAGE...] [options]",
      "Classes and probabilities. An IMAGE is a JPEG or PNG file or, for models of the digits, a "
      "CSV file with one image of 8x8 pixels a line: 64 numbers from 0 to 16, and a label if there "
      "is "
      "one. JPEG and PNG files become the model's input as its preprocessor_config.json says.");
  options.section("What to predict");
  options.add("MODEL", &s.model, "", "model folder").required();
  options.add("IMAGE", &s.images, "", "JPEG, PNG or CSV files");
  options.add("digit", &s.digit, "LIST",
              "built-in digits by number: 17, 0-9 or 3,5 (of 0 to 1796)");
  options.add("adapter", &s.adapter, "DIR", "adapter folder to put on the model");
  add_corrupt(options, &s.corrupt);
  options.add("top", &s.top, "N", "classes to show for an image").range(1, 1000);
  add_device(options, s.common);
  add_common(options, s.common);
  options.example("papilio predict runs/base --digit 0-9");
  options.example("papilio predict runs/photos holiday.jpg other.png");
  options.example("papilio predict runs/base --adapter runs/boft mine.csv --top 1");
  return options;
}

// All images that are asked for. Pictures have no pixels yet: they are read when their turn comes.
std::vector<NamedImage> gather(const Settings& s, const nn::ImageClassifier& model) {
  std::vector<NamedImage> images;
  for (const std::string& path : s.images) {
    if (is_picture(path)) {
      images.push_back({path, {}, ""});
      continue;
    }
    check_takes(digits_source(), s.model, model);
    for (NamedImage& image : read_image_file(path)) images.push_back(std::move(image));
  }
  if (s.digit.empty()) return images;
  check_takes(digits_source(), s.model, model);
  const nn::ImageData digits = all_digits();
  for (int64_t i : parse_ranges("--digit", s.digit, digits->size(), "digit")) {
    const nn::Batches one = nn::plain_batches(nn::subset(digits, {i}), nn::digits_processor());
    images.push_back({str("digit ", i), nn::whole_batch(*one).images,
                      digits->class_names()[size_t(digits->label(i))]});
  }
  return images;
}

struct Predictions {
  std::vector<NamedImage> images;     // without their pixels
  std::vector<double> probabilities;  // of every class, image after image
  std::vector<std::string> skipped;   // what was wrong with the others
};

// In batches, so that many large images fit the memory.
Predictions predictions_of(const Options& options, const Settings& s, LoadedModel& loaded) {
  constexpr size_t kBatch = 32;
  std::optional<nn::ImageProcessor> processor;  // rows of numbers need none
  Predictions result;
  std::vector<Tensor> batch;
  const auto finish_batch = [&] {
    if (batch.empty()) return;
    const Tensor images = to(concat(batch, 0), nn::device_of(*loaded.model));
    const std::vector<double> some = softmax(loaded(images)).to_vector<double>();
    result.probabilities.insert(result.probabilities.end(), some.begin(), some.end());
    batch.clear();
  };
  for (NamedImage& image : gather(s, *loaded.model)) {
    try {
      if (!image.pixels.defined() && !processor)
        processor = processor_of(options, s.model, *loaded.model);
      batch.push_back(image.pixels.defined() ? image.pixels
                                             : read_picture(image.name, *processor).pixels);
    } catch (const FileError& e) {
      if (s.corrupt == "fail") throw;
      result.skipped.emplace_back(e.what());
      continue;
    }
    result.images.push_back({std::move(image.name), {}, std::move(image.label)});
    if (batch.size() == kBatch) finish_batch();
  }
  finish_batch();
  return result;
}

// Throws Error if the model's answer to an image is NaN.
void check_answers(const std::vector<NamedImage>& images,
                   const std::vector<double>& probabilities) {
  const size_t classes = probabilities.size() / images.size();
  for (size_t i = 0; i < images.size(); ++i) {
    const auto row = std::span(probabilities).subspan(i * classes, classes);
    check<Error>(std::ranges::none_of(row, [](double p) { return std::isnan(p); }), images[i].name,
                 ": the model gives no number for it");
  }
}

struct Guess {
  size_t index;
  double probability;
};

// The most probable classes of each row, best first.
std::vector<std::vector<Guess>> best(const std::vector<double>& probabilities, size_t classes,
                                     size_t top) {
  std::vector<std::vector<Guess>> result;
  for (size_t begin = 0; begin < probabilities.size(); begin += classes) {
    std::vector<Guess>& row = result.emplace_back();
    for (size_t c = 0; c < classes; ++c) row.push_back({c, probabilities[begin + c]});
    std::ranges::stable_sort(row, std::greater(), &Guess::probability);
    row.resize(std::min(top, classes));
  }
  return result;
}

}  // namespace

int predict(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  check<UsageError>(!s.images.empty() || !s.digit.empty(),
                    "nothing to predict: give IMAGE files, or --digit 0-9");
  const Device device = device_of(s.common);
  set_threads(s.common);
  LoadedModel loaded = load_model(s.model, s.adapter);
  loaded.to(device);
  warn(options, loaded.warnings);

  nn::eval(*loaded.model);
  const NoGrad no_grad;
  const auto [images, probabilities, skipped] = predictions_of(options, s, loaded);
  for (const std::string& message : skipped) warn(options, {"left out: " + message});
  check<FileError>(!images.empty(), "none of the images can be read");
  check_answers(images, probabilities);
  const auto guesses = best(probabilities, loaded.class_names.size(), size_t(s.top));

  nlohmann::json predictions = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows{{"image", "label", "class", "probability"}};
  const bool labelled =
      std::ranges::any_of(images, [](const NamedImage& i) { return !i.label.empty(); });
  if (guesses[0].size() > 1) rows[0].emplace_back("then");
  for (size_t i = 0; i < images.size(); ++i) {
    const NamedImage& image = images[i];
    nlohmann::json top = nlohmann::json::array();
    std::vector<std::string> then;
    for (size_t k = 0; k < guesses[i].size(); ++k) {
      const auto& [index, probability] = guesses[i][k];
      const std::string& name = loaded.class_names[index];
      top.push_back({{"class", name}, {"probability", probability}});
      if (k > 0) then.push_back(printable(name) + ' ' + percent(probability));
    }
    const Guess& first = guesses[i][0];
    predictions.push_back(
        {{"image", image.name},
         {"label", image.label.empty() ? nlohmann::json(nullptr) : nlohmann::json(image.label)},
         {"class", loaded.class_names[first.index]},
         {"probability", first.probability},
         {"top", top}});
    rows.push_back({printable(image.name), image.label, printable(loaded.class_names[first.index]),
                    percent(first.probability)});
    if (rows[0].size() > 4) rows.back().push_back(joined(then, ", "));
  }
  if (!labelled) {
    for (auto& row : rows) row.erase(row.begin() + 1);
  }
  if (s.common.json) {
    print_json({{"command", "predict"},
                {"device", str(nn::device_of(*loaded.model))},
                {"model", s.model},
                {"predictions", predictions},
                {"skipped", skipped}});
  } else {
    std::printf("%s", table(rows, 100).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
