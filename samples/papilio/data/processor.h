// What a model is fed: sizes, channels and normalisation.
#pragma once

#include <cstdint>
#include <filesystem>

#include "nn/data/sources/image_sources.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// That of a model folder is its preprocessor_config.json or processor_config.json; without one it
// is what models of its type are usually fed, at the model's size. image_size: of --image-size, for
// which it is changed; 0 changes nothing. Warnings say what is assumed or passed over. Throws
// FileError.
nn::ImageProcessorFile read_processor(const std::filesystem::path& folder,
                                      const nn::ImageClassifier& model, int64_t image_size = 0);
// The same, with its warnings shown.
nn::ImageProcessor processor_of(const Options& options, const std::filesystem::path& folder,
                                const nn::ImageClassifier& model, int64_t image_size = 0);
// The same for these data: those whose source has a processor are shown as what they are.
nn::ImageProcessor processor_of(const Options& options, const Data& data,
                                const std::filesystem::path& folder,
                                const nn::ImageClassifier& model, int64_t image_size = 0);
// Whether the model folder has either. Throws FileError.
bool has_processor(const std::filesystem::path& folder);
// Writes a model folder's preprocessor_config.json.
void save_processor(const std::filesystem::path& folder, const nn::ImageProcessor& processor);

// The shorter side of images in files, at most 224: the median of nine that can be read. Throws
// FileError if none can.
int64_t usual_side(const Data& data);
// What a new model on these data takes: square images of `side` pixels.
nn::ImageProcessor processor_for(const Data& data, int64_t side);
// A model must take what its data are made for, if they are made for one input. Throws UsageError.
void check_takes(const nn::ImageSource& source, const std::filesystem::path& folder,
                 const nn::ImageClassifier& model);

}  // namespace papilio::cli
