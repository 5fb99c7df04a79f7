#include "samples/papilio/images/image_predict.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/join.h"
#include "autograd/ops/to.h"
#include "nn/data/batch_source.h"
#include "nn/data/detail/file_errors.h"
#include "nn/data/sources/detail/folder_files.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/answers.h"
#include "nn/models/image_classifier.h"
#include "nn/train/progress.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/data/images.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/number_ranges.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/output/predictions_file.h"
#include "samples/papilio/output/table.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// The pictures of a folder; those in other formats are said to be left out.
void add_folder(std::vector<NamedImage>& images, const std::string& folder,
                const Options& options) {
  const nn::FolderFiles files =
      nn::with_file_errors(folder, [&] { return nn::files_below(folder); });
  for (const fs::path& path : files.pictures) images.push_back({path.string(), {}, ""});
  int64_t unknown = 0;
  for (const fs::path& path : files.others) {
    std::error_code ignored;
    const std::string format = fs::is_regular_file(path, ignored) ? file_format(path) : "";
    unknown += format.empty();
    if (format == "a JPEG picture" || format == "a PNG picture") {
      images.push_back({path.string(), {}, ""});
    } else if (!format.empty()) {
      warn(options,
           {str("left out: ", path.string(), ": is ", format, "; pictures are JPEG or PNG files")});
    }
  }
  if (unknown > 0)
    warn(options, {str("left out: ", unknown, unknown == 1 ? " file that is" : " files that are",
                       " no picture in ", folder)});
  check<FileError>(!images.empty(), folder, ": holds no picture (.jpg, .jpeg or .png)");
}

// All images that are asked for. Pictures have no pixels yet: they are read when their turn comes.
std::vector<NamedImage> gather(const ImageQuestion& q, const Options& options,
                               const nn::ImageClassifier& model) {
  std::vector<NamedImage> images;
  for (const std::string& path : q.images) {
    std::error_code ignored;
    check<FileError>(file_exists(path), path, ": there is no such file");
    if (fs::is_directory(path, ignored)) {
      std::vector<NamedImage> found;
      add_folder(found, path, options);
      for (NamedImage& image : found) images.push_back(std::move(image));
      continue;
    }
    if (is_picture(path)) {
      images.push_back({path, {}, ""});
      continue;
    }
    check<FileError>(RegularFile(path).size() > 0, path, ": is empty");
    check_takes(digits_source(), q.model, model);
    for (NamedImage& image : read_image_file(path)) images.push_back(std::move(image));
  }
  if (q.digit.empty()) return images;
  check_takes(digits_source(), q.model, model);
  const nn::ImageData digits = all_digits();
  for (int64_t i : parse_ranges("--digit", q.digit, digits->size(), "digit")) {
    const nn::Batches one = nn::plain_batches(nn::subset(digits, {i}), nn::digits_processor());
    images.push_back({str("digit ", i), nn::whole_batch(*one).inputs,
                      digits->class_names()[size_t(digits->label(i))]});
  }
  return images;
}

struct Predictions {
  std::vector<NamedImage> images;     // without their pixels
  std::vector<double> probabilities;  // of every class, image after image
  std::vector<std::string> skipped;   // what was wrong with the others
};

// What the model says of all inputs; in batches, so that many large images fit the memory.
Predictions predictions_of(const Options& options, const ImageQuestion& q, const Common& common,
                           LoadedModel& loaded) {
  constexpr size_t kBatch = 32;
  std::optional<nn::ImageProcessor> processor;  // rows of numbers need none
  Predictions result;
  std::vector<Tensor> batch;
  const auto finish_batch = [&] {
    if (batch.empty()) return;
    const Tensor images = to(concat(batch, 0), nn::device_of(*loaded.model));
    const std::vector<double> some =
        nn::answers(nn::answer_kind(*loaded.model), loaded(images)).to_vector<double>();
    result.probabilities.insert(result.probabilities.end(), some.begin(), some.end());
    batch.clear();
  };
  std::vector<NamedImage> wanted = gather(q, options, *loaded.model);
  const bool many = wanted.size() > kBatch;  // the work of more than a moment
  nn::Progress progress(many ? common.progress() : nullptr, "predict", int64_t(wanted.size()));
  int64_t done = 0;
  for (NamedImage& image : wanted) {
    progress.update(++done, 1, image.name);
    try {
      if (!image.pixels.defined() && !processor)
        processor = processor_of(options, q.model, *loaded.model, loaded.image_size);
      batch.push_back(image.pixels.defined() ? image.pixels
                                             : read_picture(image.name, *processor).pixels);
    } catch (const FileError& e) {
      if (q.corrupt == "fail") throw;
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

// The most probable classes of each image, best first.
std::vector<Prediction> best(const std::vector<NamedImage>& images,
                             const std::vector<double>& probabilities,
                             const std::vector<std::string>& class_names, size_t top) {
  std::vector<Prediction> result;
  for (size_t i = 0; i < images.size(); ++i) {
    std::vector<Prediction::Guess> row;
    for (size_t c = 0; c < class_names.size(); ++c)
      row.push_back({class_names[c], probabilities[i * class_names.size() + c]});
    std::ranges::stable_sort(row, std::greater(), &Prediction::Guess::probability);
    row.resize(std::min(top, row.size()));
    result.push_back({images[i].name, images[i].label, std::move(row)});
  }
  return result;
}

// What the answers are called; a regression's are no probabilities.
const char* measure(nn::AnswerKind kind) {
  return kind == nn::AnswerKind::numbers ? "value" : "probability";
}

std::string shown(double answer, nn::AnswerKind kind) {
  return kind == nn::AnswerKind::numbers ? short_number(answer) : percent(answer);
}

nlohmann::json as_json(const std::vector<Prediction>& predictions, nn::AnswerKind kind) {
  nlohmann::json list = nlohmann::json::array();
  for (const Prediction& p : predictions) {
    nlohmann::json top = nlohmann::json::array();
    for (const auto& [name, probability] : p.top)
      top.push_back({{"class", name}, {measure(kind), probability}});
    list.push_back({{"image", p.image},
                    {"label", or_null(p.label)},
                    {"class", p.top[0].name},
                    {measure(kind), p.top[0].probability},
                    {"top", top}});
  }
  return list;
}

std::string as_table(const std::vector<Prediction>& predictions, nn::AnswerKind kind) {
  std::vector<std::vector<std::string>> rows{{"image", "label", "class", measure(kind)}};
  const bool labelled =
      std::ranges::any_of(predictions, [](const Prediction& p) { return !p.label.empty(); });
  const bool several = predictions[0].top.size() > 1;
  if (several) rows[0].emplace_back("then");
  for (const Prediction& p : predictions) {
    std::vector<std::string> then;
    for (size_t k = 1; k < p.top.size(); ++k)
      then.push_back(printable(p.top[k].name) + ' ' + shown(p.top[k].probability, kind));
    rows.push_back(
        {printable(p.image), p.label, printable(p.top[0].name), shown(p.top[0].probability, kind)});
    if (several) rows.back().push_back(joined(then, ", "));
  }
  if (!labelled) {
    for (auto& row : rows) row.erase(row.begin() + 1);
  }
  return table(rows, 100);
}

}  // namespace

int predict_images(const Options& options, const ImageQuestion& q, Common& common) {
  check<UsageError>(!q.images.empty() || !q.digit.empty(),
                    "nothing to predict: give IMAGE files, or --digit 0-9");
  const bool csv = q.out.ends_with(".csv");
  check<UsageError>(q.out.empty() || csv || q.out.ends_with(".json"),
                    "--out: expected FILE.csv or FILE.json, got ", printable(q.out));
  check_can_be_written(q.out);
  const Device device = device_of(common);
  set_threads(common);
  LoadedModel loaded = load_model(
      q.model,
      {.adapter = q.adapter, .ignore_unused = q.ignore_unused, .image_size = q.image_size});
  loaded.to(device);
  warn(options, loaded.warnings);

  nn::eval(*loaded.model);
  const NoGrad no_grad;
  const auto [images, probabilities, skipped] = predictions_of(options, q, common, loaded);
  for (const std::string& message : skipped) warn(options, {"left out: " + message});
  check<FileError>(!images.empty(), "none of the images can be read");
  check_answers(images, probabilities);
  const nn::AnswerKind kind = nn::answer_kind(*loaded.model);
  const std::vector<Prediction> predictions =
      best(images, probabilities, loaded.class_names, size_t(q.top));
  const nlohmann::json object{{"command", "predict"},
                              {"device", str(nn::device_of(*loaded.model))},
                              {"model", q.model},
                              {"predictions", as_json(predictions, kind)},
                              {"skipped", skipped}};
  show_answers({.object = object,
                .table = as_table(predictions, kind),
                .file = csv ? predictions_csv(predictions, measure(kind)) : json_text(object),
                .count = str(with_commas(int64_t(predictions.size())),
                             predictions.size() == 1 ? " image" : " images")},
               q.out, common.json);
  return 0;
}

}  // namespace papilio::cli
