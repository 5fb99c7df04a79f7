#include "samples/papilio/data/data.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <system_error>
#include <utility>

#include "nn/data/sources/image_folder.h"
#include "nn/data/transforms/image_processor_class.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/text_table.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/run/model.h"
#include "tensor/files/atomic_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

constexpr const char* kProcessorFile = "preprocessor_config.json";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

const nn::Dataset& part_of(const nn::Splits& splits, const std::string& part) {
  return part == "train" ? splits.train : part == "validation" ? splits.validation : splits.test;
}

nn::ImageData part_of(const nn::ImageSplits& splits, const std::string& part) {
  if (part != "all")
    return part == "train" ? splits.train : part == "validation" ? splits.validation : splits.test;
  nn::ImageData all = splits.train;
  for (const nn::ImageData& more : {splits.validation, splits.test}) {
    if (more != nullptr) all = nn::joined(all, more);
  }
  return all;
}

// f of each part that is there.
template <class F>
nn::ImageSplits each_part(nn::ImageSplits splits, F&& f) {
  for (nn::ImageData* part : {&splits.train, &splits.validation, &splits.test}) {
    if (*part != nullptr) *part = f(*part);
  }
  return splits;
}

template <class F>
nn::Splits each_part(const nn::Splits& splits, F&& f) {
  return {f(splits.train), f(splits.validation), f(splits.test)};
}

}  // namespace

void add_data(Options& options, DataSettings& s) {
  options.add(
      "data", &s.path, "PATH",
      "digits (built in); a folder of pictures, a class a folder, with or without train, val "
      "and test folders; a folder of IDX files (MNIST); CIFAR's binary folder or .tar.gz");
  options.add("classes", &s.classes, "LIST", "only these: names a,b,c or numbers 0-4 or 0,1,7")
      .default_is("all");
  options
      .add("validation-share", &s.validation_share, "SHARE",
           "of each class held out of data without a validation part")
      .below(0, 1);
  options.add("test-share", &s.test_share, "SHARE", "the same for data without a test part")
      .below(0, 1);
  options.add("split-seed", &s.split_seed, "N", "which images are held out").range(0);
  add_corrupt(options, &s.corrupt);
  options.add("workers", &s.workers, "N", "threads that read and prepare images").range(0, 256);
}

void add_corrupt(Options& options, std::string* way) {
  options
      .add("corrupt", way, "WAY",
           "images that cannot be read: fail (stop with the file's name) or skip (with a warning)")
      .choices({"fail", "skip"});
}

void resolve(Options& options, const DataSettings& s) {
  options.applies_when(!s.digits(),
                       {&s.validation_share, &s.test_share, &s.split_seed, &s.corrupt, &s.workers},
                       "--data other than digits");
  check<UsageError>(s.validation_share + s.test_share < 1,
                    "--validation-share, --test-share: ", s.validation_share, " and ", s.test_share,
                    " leave nothing to train on");
}

int64_t Data::size(const std::string& part) const {
  if (is_digits())
    return part == "all" ? size("train") + size("validation") + size("test")
                         : part_of(digits, part).size();
  const nn::ImageData data = part_of(images, part);
  return data == nullptr ? 0 : data->size();
}

Data open_data(const DataSettings& s) {
  if (s.digits()) {
    const nn::Dataset all = all_digits();
    return {"digits", all.class_names, nn::fixed_splits(all), {}};
  }
  nn::ImageSplits images = nn::open_images(
      s.path,
      {.validation = s.validation_share, .test = s.test_share, .seed = uint64_t(s.split_seed)});
  std::string kind = images.kind;
  return {kind, images.train->class_names(), {}, std::move(images)};
}

std::vector<int64_t> chosen_classes(const DataSettings& s, const Data& data) {
  const std::vector<std::string>& names = data.class_names;
  const std::string text = s.classes.empty() ? "all" : s.classes;
  std::vector<int64_t> chosen;
  const std::vector<std::string> words = split(text);
  const auto number = [&](const std::string& name) {
    return std::ranges::find(names, name) - names.begin();
  };
  const bool named = std::ranges::all_of(
      words, [&](const std::string& word) { return number(word) < int64_t(names.size()); });
  const bool numbers = text == "all" || text.find_first_not_of("0123456789,-") == text.npos;
  if (!named && (numbers || data.is_digits())) return parse_classes(text, int64_t(names.size()));
  for (const std::string& word : words) {
    check<UsageError>(number(word) < int64_t(names.size()), "--classes: the data have no class ",
                      printable(word), "; they have ", nn::listed(names),
                      did_you_mean(word, names));
    check<UsageError>(std::ranges::count(chosen, number(word)) == 0, "--classes: class ",
                      printable(word), " is named twice");
    chosen.push_back(number(word));
  }
  return chosen;
}

Data with_classes(const Data& data, const std::vector<int64_t>& classes) {
  Data result{data.kind, {}, {}, {}};
  for (int64_t c : classes) result.class_names.push_back(data.class_names[size_t(c)]);
  if (data.is_digits()) {
    result.digits = each_part(
        data.digits, [&](const nn::Dataset& part) { return nn::with_classes(part, classes); });
  } else {
    result.images = each_part(
        data.images, [&](const nn::ImageData& part) { return nn::with_classes(part, classes); });
    const nn::ImageData& train = result.images.train;
    check<FileError>(train->size() > 0, "the data have no image of these classes to train on");
    const std::vector<int64_t> counts = nn::class_counts(*train);
    for (size_t c = 0; c < counts.size(); ++c) {
      if (counts[c] == 0) {
        result.images.notes.push_back("class " + result.class_names[c] +
                                      " has no image to train on");
      }
    }
  }
  return result;
}

Data for_model(const DataSettings& s, const Data& data,
               const std::vector<std::string>& model_classes) {
  const bool all = s.classes.empty() || s.classes == "all";
  // Of each of the data's classes, the model's number or -1.
  std::vector<int64_t> number(data.class_names.size(), -1);
  for (int64_t c : chosen_classes(s, data)) {
    const std::string& name = data.class_names[size_t(c)];
    const auto found = std::ranges::find(model_classes, name);
    check<UsageError>(all || found != model_classes.end(), "--classes: the model has no class ",
                      name, "; it has ", nn::listed(model_classes));
    if (found != model_classes.end()) number[size_t(c)] = found - model_classes.begin();
  }
  check<UsageError>(std::ranges::any_of(number, [](int64_t n) { return n >= 0; }),
                    "none of the model's classes (", nn::listed(model_classes), ") is in the data");
  Data result{data.kind, model_classes, {}, {}};
  if (data.is_digits()) {
    result.digits = each_part(data.digits, [&](const nn::Dataset& part) {
      return nn::relabelled(part, number, model_classes);
    });
  } else {
    result.images = each_part(data.images, [&](const nn::ImageData& part) {
      return nn::relabelled(part, number, model_classes);
    });
  }
  return result;
}

bool has_processor(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / kProcessorFile, ignored);
}

namespace {

nn::ImageProcessorFile processor_without_file(const std::filesystem::path& folder,
                                              const nn::ImageClassifier::Shape& shape) {
  const nn::ImageProcessor p =
      nn::default_image_processor(shape.model_type, shape.image_size, shape.num_channels);
  const std::string crop =
      p.do_center_crop ? str(", the middle ", p.crop_height, 'x', p.crop_width) : "";
  return {p,
          {str(folder.string(), ": has no ", kProcessorFile, ": pictures become ", p.height, 'x',
               p.width, crop, " (", nn::interpolation_name(p.resample), "), mean ",
               joined(p.image_mean, ", "), ", deviation ", joined(p.image_std, ", "))}};
}

}  // namespace

nn::ImageProcessor processor_of(const Options& options, const std::filesystem::path& folder,
                                const nn::ImageClassifier& model) {
  const nn::ImageClassifier::Shape shape = model.shape();
  const std::filesystem::path file = folder / kProcessorFile;
  const auto [p, warnings] =
      has_processor(folder) ? nn::read_image_processor(file, {shape.model_type, shape.num_channels})
                            : processor_without_file(folder, shape);
  warn(options, warnings);
  check<FileError>(p.channels() == shape.num_channels, file.string(), ": has ", p.channels(),
                   " channels, but the model takes ", shape.num_channels);
  check<FileError>(shape.model_type != "vit" ||
                       (p.out_height() == shape.image_size && p.out_width() == shape.image_size),
                   file.string(), ": makes images of ", p.out_height(), 'x', p.out_width(),
                   ", but the model takes ", shape.image_size, 'x', shape.image_size);
  return p;
}

void save_processor(const std::filesystem::path& folder, const nn::ImageProcessor& processor) {
  write_file_atomically(folder / kProcessorFile, nn::image_processor_text(processor));
}

int64_t usual_side(const Data& data) {
  constexpr int64_t kLargest = 224, kLooked = 9;
  const nn::ImageDataset& images = *data.images.train;
  std::vector<int64_t> sides;
  std::string first_error;
  const auto look = [&](int64_t i) {
    try {
      const nn::Image image = images.image(i);
      sides.push_back(std::min({image.height, image.width, kLargest}));
    } catch (const FileError& e) {
      if (first_error.empty()) first_error = e.what();
    }
  };
  const int64_t some = std::min(kLooked, images.size());
  for (int64_t k = 0; k < some; ++k) look(k * images.size() / some);
  for (int64_t i = 0; sides.empty() && i < images.size(); ++i) look(i);
  check<FileError>(!sides.empty(), first_error);
  std::ranges::sort(sides);
  return sides[sides.size() / 2];
}

nn::ImageProcessor processor_for(const Data& data, int64_t side) {
  return nn::image_processor_for(side, side, data.kind == "idx" ? 1 : 3);
}

void check_takes(const Data& data, const std::filesystem::path& folder,
                 const nn::ImageClassifier& model) {
  if (data.is_digits()) check_takes_digits(folder, model);
}

nn::Batches evaluation_batches(const Data& data, const std::string& part,
                               const nn::ImageProcessor& processor, nn::OnCorrupt on_corrupt) {
  check<UsageError>(data.size(part) > 0, "the data have no ", part,
                    " part with images of these classes");
  if (data.is_digits()) {
    const nn::Splits& d = data.digits;
    return nn::batches_of(part == "all" ? nn::joined({d.train, d.validation, d.test})
                                        : part_of(d, part));
  }
  return nn::batches_of(part_of(data.images, part),
                        {.transform = {.processor = processor}, .on_corrupt = on_corrupt});
}

TrainingData training_data(const Data& data, const DataSettings& s,
                           const nn::ImageProcessor& processor, const AugmentSettings& augment,
                           int64_t batch_size) {
  TrainingData result;
  result.train = training_batches(data, processor, augment, s.on_corrupt());
  const auto part = [&](const std::string& name) {
    return data.size(name) > 0 ? evaluation_batches(data, name, processor, s.on_corrupt())
                               : nullptr;
  };
  result.validation = part("validation");
  result.test = part("test");
  result.workers = s.loader_workers();
  result.evaluation_batch = batch_size;
  return result;
}

}  // namespace papilio::cli
