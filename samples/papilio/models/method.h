// A loaded model made ready for the method that adapts it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "boft/model/model.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// --modules-to-save, in which `classifier` stands for the model's, whatever it calls it.
std::vector<std::string> saved_modules(const MethodSettings& method, nn::ImageClassifier& model);

// Puts this adapter on the model, and says what there is to warn of.
std::unique_ptr<boft::AdapterModel> attach_adapter(const Options& options, nn::Module& model,
                                                   const boft::AdapterConfig& config);

// Throws UsageError if the method trains in full what the model keeps as codes.
void check_not_quantized(const MethodSettings& method, nn::Module& model);

// Freezes what the method does not train, and attaches its adapter; `base` is the model's folder.
void attach_method(const Options& options, const MethodSettings& method, const std::string& base,
                   LoadedModel& loaded);

// The same of a language model, which the method may train in full; settles the method's targets.
// Returns what reports call the method.
std::string attach_method(const Options& options, MethodSettings& method, const std::string& base,
                          LoadedLanguageModel& loaded);

}  // namespace papilio::cli
