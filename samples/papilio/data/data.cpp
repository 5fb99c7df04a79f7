#include "samples/papilio/data/data.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nn/data/sources/image_dataset.h"
#include "nn/detail/text_table.h"
#include "samples/papilio/data/class_list.h"
#include "samples/papilio/data/data_kinds.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

const std::vector<nn::ImageSource>& all_sources() {
  static const std::vector<nn::ImageSource> all = [] {
    std::vector<nn::ImageSource> sources{digits_source()};
    sources.insert(sources.end(), nn::image_sources().begin(), nn::image_sources().end());
    return sources;
  }();
  return all;
}

}  // namespace

const nn::ImageSource& DataSettings::source() const {
  return nn::source_of(path, all_sources());
}

std::string data_kinds() {
  std::vector<std::string> kinds;
  for (const nn::ImageSource& source : all_sources()) kinds.push_back(source.description);
  return joined(kinds, "; ");
}

void add_data(Options& options, DataSettings& s) {
  options.add(kDataKey, &s.path, "PATH", data_kinds() + "; for a language model " + kTextSources);
  options
      .add(
          "classes", &s.classes, "LIST",
          "only these: names a,b,c (with a comma in quotation marks: \"a, b\",c) or numbers 0-4 or "
          "0,1,7")
      .default_is("all");
  options
      .add(kValidationShareKey, &s.validation_share, "SHARE",
           "of each class held out of data without a validation part")
      .below(0, 1);
  options.add(kTestShareKey, &s.test_share, "SHARE", "the same for data without a test part")
      .below(0, 1);
  options.add(kSplitSeedKey, &s.split_seed, "N", "which images are held out").range(0);
  add_corrupt(options, &s.corrupt);
  add_workers(options, s.workers);
}

void add_corrupt(Options& options, std::string* way) {
  options
      .add("corrupt", way, "WAY",
           "images that cannot be read: fail (stop with the file's name) or skip (with a warning)")
      .choices({"fail", "skip"})
      .may_differ_on_resume();
}

Option& add_workers(Options& options, int64_t& workers) {
  return options.add("workers", &workers, "N", "threads that read and prepare images")
      .range(0, 1024)
      .may_differ_on_resume();
}

void check_shares(const DataSettings& s) {
  check<UsageError>(s.validation_share + s.test_share < 1,
                    "--validation-share, --test-share: ", s.validation_share, " and ", s.test_share,
                    " leave nothing to train on");
}

void check_data_options(Options& options, const DataSettings& s) {
  options.applies_when(!s.source().processor,
                       {&s.validation_share, &s.test_share, &s.split_seed, &s.corrupt, &s.workers},
                       kNoProcessor);
  check_shares(s);
}

int64_t Data::size(const std::string& part) const {
  const nn::ImageData data = images.part(part);
  return data == nullptr ? 0 : data->size();
}

Data open_data(const DataSettings& s) {
  nn::ImageSplits images = nn::open_images(
      s.path,
      {.validation = s.validation_share, .test = s.test_share, .seed = uint64_t(s.split_seed)},
      all_sources());
  return {&s.source(), images.class_names(), std::move(images)};
}

std::vector<int64_t> chosen_classes(const DataSettings& s, const Data& data) {
  return parse_class_list(s.classes, data.class_names);
}

Data with_classes(const Data& data, const std::vector<int64_t>& classes) {
  nn::ImageSplits images = nn::with_classes(data.images, classes);
  check<FileError>(images.train->size() > 0, "the data have no image of these classes to train on");
  const std::vector<int64_t> counts = nn::class_counts(*images.train);
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0)
      images.notes.push_back("class " + images.class_names()[c] + " has no image to train on");
  }
  return {data.source, images.class_names(), std::move(images)};
}

Data for_model(const DataSettings& s, const Data& data,
               const std::vector<std::string>& model_classes) {
  const bool all = s.classes.empty() || s.classes == "all";
  // For each of the data's classes, the model's number or -1.
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
  return {data.source, model_classes, nn::relabelled(data.images, number, model_classes)};
}

LeftOut left_out(const DataSettings& s, const Data& data, const std::string& part,
                 const std::vector<std::string>& model_classes) {
  LeftOut result;
  if (const nn::ImageData images = data.images.part(part); images != nullptr) {
    const std::vector<int64_t> counts = nn::class_counts(*images);
    for (const int64_t c : chosen_classes(s, data)) {
      const std::string& name = data.class_names[size_t(c)];
      if (std::ranges::find(model_classes, name) != model_classes.end()) continue;
      result.classes.push_back(name);
      result.images += counts[size_t(c)];
    }
  }
  return result;
}

std::string LeftOut::text() const {
  if (classes.empty()) return "";
  return str("the model does not know ", classes.size(), " of the data's classes (",
             nn::listed(classes), "): ", nn::with_commas(images),
             images == 1 ? " picture is" : " pictures are", " left out");
}

}  // namespace papilio::cli
