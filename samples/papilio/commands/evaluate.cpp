#include <cstdint>
#include <string>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/images/image_evaluate.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/text/text_evaluate.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, classifier, split = "test", report;
  DataSettings data;
  int64_t batch_size = 256, image_size = 0;
  bool ignore_unused = false;
  TextSettings text;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "evaluate", "MODEL [options]",
      "Accuracy (the likeliest class, and the five likeliest), mean cross-entropy, figures of "
      "each class and confusion matrix of a model, on the digits or on images in files; of a "
      "language model the perplexity of a text, also in bits a byte.");
  options.section("What to evaluate");
  options.add("MODEL", &s.model, "", "model folder").required();
  add_adapter(options, s.adapter, s.ignore_unused);
  add_image_size(options, s.image_size);
  options.add("classifier", &s.classifier, "DIR",
              "model folder whose classifier and classes to use instead: with the model that was "
              "adapted, what is left of its knowledge");
  add_data(options, s.data);
  options.option(&s.data.classes).default_is("all the model knows");
  options.add("split", &s.split, "NAME", "test, validation, train or all")
      .choices({"test", "validation", "train", "all"});
  options.add("batch-size", &s.batch_size, "N", "images at a time").range(1, 1e6);
  options.add("report", &s.report, "FILE",
              "write a page with pictures: confusion, the hardest images, attention, the adapter");
  add_text(options, s.text);
  add_common_and_device(options, s.common);
  options.example("papilio evaluate runs/base");
  options.example("papilio evaluate runs/photos --data photos --corrupt skip");
  options.example("papilio evaluate runs/base --adapter runs/boft --classifier runs/base");
  options.example("papilio evaluate runs/base --adapter runs/boft --split validation --json");
  return options;
}

// The same command on a language model.
int evaluate_as_text(Options& options, const Words& words, Settings& s) {
  options.applies_when(false,
                       {&s.classifier, &s.report, &s.image_size, &s.data.classes, &s.data.corrupt},
                       kImageModel);
  if (!options.given(&s.batch_size)) s.batch_size = 8;
  return evaluate_text({options, words, s.data, s.text, s.common, s.batch_size}, s.model, s.adapter,
                       s.ignore_unused, s.split);
}

}  // namespace

int evaluate(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  if (holds_language_model(s.model)) return evaluate_as_text(options, words, s);
  refuse_text(options, s.text);
  return evaluate_images({.options = options,
                          .words = words,
                          .data = s.data,
                          .common = s.common,
                          .device = device,
                          .model = s.model,
                          .adapter = s.adapter,
                          .classifier = s.classifier,
                          .split = s.split,
                          .report = s.report,
                          .image_size = s.image_size,
                          .batch_size = s.batch_size,
                          .ignore_unused = s.ignore_unused});
}

}  // namespace papilio::cli
