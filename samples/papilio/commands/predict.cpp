#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/images/image_predict.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/text/text_predict.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, digit, corrupt = "fail", out;
  std::vector<std::string> inputs;  // files and folders of pictures, or texts
  int64_t top = 3, image_size = 0;
  bool ignore_unused = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "predict", "MODEL [IMAGE...] [options]",
      "Classes and probabilities. An IMAGE is a JPEG or PNG file, or a folder of them, made into "
      "the model's input as its preprocessor_config.json says. For models of the digits it is a "
      "CSV file with an image of 8x8 pixels a line: 64 numbers from 0 to 16, and a label if there "
      "is one. For a language model each IMAGE is a text: how likely it is, and what comes next.");
  options.section("What to predict");
  options.add("MODEL", &s.model, "", "model folder").required();
  options.add("IMAGE", &s.inputs, "", "JPEG, PNG or CSV files, or folders of pictures; or texts");
  options.add("digit", &s.digit, "LIST",
              "built-in digits by number: 17, 0-9 or 3,5 (of 0 to 1796)");
  add_adapter(options, s.adapter, s.ignore_unused);
  add_image_size(options, s.image_size);
  add_corrupt(options, &s.corrupt);
  options.add("top", &s.top, "N", "classes to show for an image").range(1, 1000);
  options.add("o,out", &s.out, "FILE",
              "the same as FILE.csv, a line an image, or as FILE.json, what --json prints");
  add_common_and_device(options, s.common);
  options.example("papilio predict runs/base --digit 0-9");
  options.example("papilio predict runs/photos holiday.jpg other.png");
  options.example("papilio predict runs/photos holidays --corrupt skip --out holidays.csv");
  options.example("papilio predict runs/base --adapter runs/boft mine.csv --top 1");
  options.example("papilio predict gpt2 \"The capital of France is\" --top 5");
  return options;
}

}  // namespace

int predict(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  if (holds_language_model(s.model)) {
    options.applies_when(false, {&s.digit, &s.image_size, &s.corrupt}, kImageModel);
    return predict_text(options,
                        {.model = s.model,
                         .adapter = s.adapter,
                         .out = s.out,
                         .texts = s.inputs,
                         .top = s.top,
                         .ignore_unused = s.ignore_unused},
                        s.common);
  }
  return predict_images(options,
                        {.model = s.model,
                         .adapter = s.adapter,
                         .digit = s.digit,
                         .corrupt = s.corrupt,
                         .out = s.out,
                         .images = s.inputs,
                         .top = s.top,
                         .image_size = s.image_size,
                         .ignore_unused = s.ignore_unused},
                        s.common);
}

}  // namespace papilio::cli
