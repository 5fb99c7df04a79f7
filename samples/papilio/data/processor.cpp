#include "samples/papilio/data/processor.h"

#include <algorithm>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/sources/image_sources.h"
#include "nn/data/transforms/detail/image_processor_class.h"
#include "nn/data/transforms/image_processor_file.h"
#include "samples/papilio/data/median.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

constexpr const char* kProcessorFile = "preprocessor_config.json";

nn::ImageProcessorModel processor_model(const nn::ImageClassifier::Shape& shape) {
  return {.processor_class = shape.image_processor,
          .channels = shape.num_channels,
          .side = shape.picture_side > 0 ? shape.picture_side : shape.image_size,
          .imagenet_statistics = shape.imagenet_statistics};
}

nn::ImageProcessorFile processor_without_file(const std::filesystem::path& folder,
                                              const nn::ImageClassifier& model) {
  const auto timm = model.other_config.find("pretrained_cfg");
  if (timm != model.other_config.end()) {
    const std::string where = (folder / "config.json").string() + ": pretrained_cfg";
    return {nn::parse_timm_processor(timm->second, where), {}};
  }
  const nn::ImageProcessor p = nn::default_image_processor(processor_model(model.shape()));
  const std::string crop =
      p.do_center_crop ? str(", the middle ", p.crop_height, 'x', p.crop_width) : "";
  return {p,
          {str(folder.string(), ": has no ", kProcessorFile, ": pictures become ", p.height, 'x',
               p.width, crop, " (", nn::interpolation_name(p.resample), "), mean ",
               joined(p.image_mean, ", "), ", deviation ", joined(p.image_std, ", "))}};
}

}  // namespace

bool has_processor(const std::filesystem::path& folder) {
  return nn::image_processor_in(folder).has_value();
}

nn::ImageProcessorFile read_processor(const std::filesystem::path& folder,
                                      const nn::ImageClassifier& model, int64_t image_size) {
  const nn::ImageClassifier::Shape shape = model.shape();
  const auto found = nn::image_processor_in(folder);
  const std::string where = found ? found->where : folder.string();
  const auto [read, warnings] =
      found ? nn::parse_image_processor(found->text, where, processor_model(shape))
            : processor_without_file(folder, model);
  const nn::ImageProcessor p = image_size > 0 ? read.at_size(image_size) : read;
  check<FileError>(p.channels() == shape.num_channels, where, ": has ", p.channels(),
                   " channels, but the model takes ", shape.num_channels);
  check<FileError>(
      shape.any_size || (p.out_height() == shape.image_size && p.out_width() == shape.image_size),
      where, ": makes images of ", p.out_height(), 'x', p.out_width(), ", but the model takes ",
      shape.image_size, 'x', shape.image_size);
  return {p, warnings};
}

nn::ImageProcessor processor_of(const Options& options, const std::filesystem::path& folder,
                                const nn::ImageClassifier& model, int64_t image_size) {
  const auto [processor, warnings] = read_processor(folder, model, image_size);
  warn(options, warnings);
  return processor;
}

nn::ImageProcessor processor_of(const Options& options, const Data& data,
                                const std::filesystem::path& folder,
                                const nn::ImageClassifier& model, int64_t image_size) {
  if (data.source->processor) return processor_for(data, data.source->processor->out_height());
  return processor_of(options, folder, model, image_size);
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
      const nn::Image image = images.sample(i);
      sides.push_back(std::min({image.height, image.width, kLargest}));
    } catch (const FileError& e) {
      if (first_error.empty()) first_error = e.what();
    }
  };
  const int64_t some = std::min(kLooked, images.size());
  for (int64_t k = 0; k < some; ++k) look(k * images.size() / some);
  for (int64_t i = 0; sides.empty() && i < images.size(); ++i) look(i);
  check<FileError>(!sides.empty(), first_error);
  return median(sides);
}

nn::ImageProcessor processor_for(const Data& data, int64_t side) {
  return nn::image_processor_for(side, side, data.source->drawings ? 1 : 3);
}

void check_takes(const nn::ImageSource& source, const std::filesystem::path& folder,
                 const nn::ImageClassifier& model) {
  if (!source.processor) return;
  const nn::ImageProcessor& p = *source.processor;
  const nn::ImageClassifier::Shape shape = model.shape();
  check<UsageError>(shape.image_size == p.out_height() && shape.image_size == p.out_width() &&
                        shape.num_channels == p.channels(),
                    folder.string(), ": this model takes images of ", shape.image_size, 'x',
                    shape.image_size, " pixels with ", shape.num_channels, " channels; the ",
                    source.title, " have ", p.out_height(), 'x', p.out_width(), " pixels with ",
                    p.channels());
}

}  // namespace papilio::cli
