// A model folder, with or without an adapter folder, ready to use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "boft/files/adapter_folder.h"
#include "boft/model/model.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/models/loaded.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct LoadedModel : Loaded<nn::ImageClassifier> {
  std::vector<std::string> class_names;
  int64_t image_size = 0;  // that it was given (set_image_size); 0: it has its own

  Tensor operator()(const Tensor& images) { return (*model)(images); }
};

struct LoadOptions {
  std::filesystem::path adapter = {};  // a folder, to put on the model; empty: none
  bool ignore_unused = false;          // weights in the adapter's file that nothing takes
  int64_t image_size = 0;  // of --image-size; 0: the model's, or that of the adapter's run
};
// With an adapter the classifier and the class names are the adapter's. Throws FileError if a
// folder is missing, broken or of the other kind.
LoadedModel load_model(const std::filesystem::path& folder, const LoadOptions& options = {});
// An adapter folder on any model; what is to say of it joins the warnings. Throws FileError.
std::unique_ptr<boft::AdapterModel> put_adapter(nn::Module& model,
                                                const std::filesystem::path& adapter,
                                                bool ignore_unused,
                                                std::vector<std::string>& warnings);
// What an adapter folder holds, for no model; all that is to say of it is in its warnings. Throws
// FileError.
boft::AdapterFolder read_adapter(const std::filesystem::path& adapter);
// A NaN or infinity among the weights makes all answers worthless; that is said, not refused.
void warn_of_non_finite(nn::Module& model, const std::filesystem::path& from,
                        std::vector<std::string>& warnings);
// --adapter, an adapter folder to put on the model, and with it --ignore-unused.
void add_adapter(Options& options, std::string& adapter, bool& ignore_unused);
// --ignore-unused: weights in an adapter's file that nothing takes are a warning, not an error.
void add_ignore_unused(Options& options, bool& ignore_unused);

// --image-size: pixels of the images' side, for which position embeddings are resized.
void add_image_size(Options& options, int64_t& image_size);
// Throws UsageError if the model's patches do not divide it. 0 changes nothing.
void set_image_size(LoadedModel& loaded, int64_t image_size);

// A new classifier for these classes, drawn from the default generator.
void replace_head(LoadedModel& loaded, std::vector<std::string> class_names);

// The classifier and the classes of another model folder: what an adapted backbone still knows of
// them. Throws UsageError if it takes other features.
void take_classifier(LoadedModel& loaded, const std::filesystem::path& folder);

// id2label.json of an adapter folder: PEFT's files do not say what the classes are called.
void save_class_names(const std::filesystem::path& folder,
                      const std::vector<std::string>& class_names);
// Empty if the file is missing.
std::vector<std::string> read_class_names(const std::filesystem::path& folder);

}  // namespace papilio::cli
