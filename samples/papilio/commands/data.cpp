#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/survey.h"
#include "nn/train/progress.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/contact_sheet.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/data_kinds.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string sheet;
  int64_t per_class = 8;
  DataSettings data;
  Common common;
};

Options declare(Settings& s) {
  Options options("data", "PATH [options]",
                  "What a data set holds: its kind, parts, classes, image sizes, and every image "
                  "that cannot be read. PATH is one of: " +
                      data_kinds() + '.');
  options.section("What to look at");
  options.add("PATH", &s.data.path, "", "folder or file").required();
  options.add("sheet", &s.sheet, "FILE", "contact sheet to write: a page of HTML");
  options.add("per-class", &s.per_class, "N", "pictures of each class on the sheet").range(1, 100);
  add_workers(options, s.data.workers).range(1, 256);
  add_common(options, s.common);
  options.example("papilio data photos --sheet photos.html");
  options.example("papilio data cifar-10-binary.tar.gz --json");
  return options;
}

struct Part {
  std::string name;
  nn::ImageData images;
  std::vector<int64_t> of_class;
};

std::vector<Part> parts_of(const Data& data) {
  std::vector<Part> parts;
  const auto add = [&](const char* name, const nn::ImageData& images) {
    if (images != nullptr) parts.push_back({name, images, nn::class_counts(*images)});
  };
  add("train", data.images.train);
  add("validation", data.images.validation);
  add("test", data.images.test);
  return parts;
}

std::string class_table(const std::vector<Part>& parts) {
  const std::vector<std::string>& names = parts[0].images->class_names();
  std::vector<std::vector<std::string>> rows{{"class"}};
  for (const Part& part : parts) rows[0].push_back(part.name);
  rows[0].emplace_back("all");
  for (size_t c = 0; c <= names.size(); ++c) {
    const bool total = c == names.size();
    rows.push_back({total ? "all" : printable(names[c])});
    int64_t sum = 0;
    for (const Part& part : parts) {
      const int64_t n = total ? part.images->size() : part.of_class[c];
      sum += n;
      rows.back().push_back(with_commas(n));
    }
    rows.back().push_back(with_commas(sum));
  }
  return table(rows);
}

nlohmann::json to_json(const nn::ImageSurvey::Range& range) {
  return {{"least", range.least}, {"median", range.median}, {"most", range.most}};
}

std::string text(const nn::ImageSurvey::Range& range) {
  if (range.least == range.most) return std::to_string(range.least);
  return str(range.least, " to ", range.most, " (median ", range.median, ')');
}

nlohmann::json json_of(const Settings& s, const Data& data, const std::vector<Part>& parts,
                       const nn::ImageSurvey& survey) {
  nlohmann::json sizes, classes = nlohmann::json::array(), corrupt = nlohmann::json::array();
  for (const Part& part : parts) sizes[part.name] = part.images->size();
  for (size_t c = 0; c < data.class_names.size(); ++c) {
    nlohmann::json one{{"class", data.class_names[c]}};
    for (const Part& part : parts) one[part.name] = part.of_class[c];
    classes.push_back(one);
  }
  const nn::ImageData all = data.images.part("all");
  for (const auto& problem : survey.corrupt)
    corrupt.push_back({{"image", all->name(problem.position)}, {"problem", problem.message}});
  return {{"command", "data"},
          {"path", s.data.path},
          {"kind", data.images.kind},
          {"images", all->size()},
          {"parts", sizes},
          {"classes", classes},
          {"width", to_json(survey.width)},
          {"height", to_json(survey.height)},
          {"grey", survey.grey},
          {"colour", survey.readable - survey.grey},
          {"corrupt", corrupt},
          {"notes", data.images.notes},
          {"sheet", or_null(s.sheet)}};
}

void print_text(const Data& data, const std::vector<Part>& parts, const nn::ImageSurvey& survey) {
  std::printf("%s, %zu classes\n\n%s\n", data.images.kind.c_str(), data.class_names.size(),
              class_table(parts).c_str());
  std::printf("width %s, height %s pixels; %s in colour, %s grey\n", text(survey.width).c_str(),
              text(survey.height).c_str(), with_commas(survey.readable - survey.grey).c_str(),
              with_commas(survey.grey).c_str());
  if (survey.corrupt.empty()) {
    std::printf("every image can be read\n");
    return;
  }
  std::printf("%s cannot be read:\n", with_commas(int64_t(survey.corrupt.size())).c_str());
  for (const auto& problem : survey.corrupt)
    std::printf("  %s\n", printable(problem.message).c_str());
}

}  // namespace

int data(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  check_can_be_written(s.sheet);
  set_threads(s.common);
  const Data data = open_data(s.data);
  warn(options, data.images.notes);
  const std::vector<Part> parts = parts_of(data);
  const nn::ImageData all = data.images.part("all");

  const Interruptible interruptible;
  nn::ImageSurvey survey;
  {
    nn::Progress progress(s.common.progress(), "read", all->size());
    int64_t before = 0;
    survey = nn::survey(*all, s.data.workers, [&](int64_t done) {
      progress.update(done, done - before, "");
      before = done;
      return Interruptible::signal() == 0;
    });
  }
  if (Interruptible::signal() != 0) {
    std::fprintf(stderr, "papilio data: interrupted\n");
    return 128 + Interruptible::signal();
  }
  if (s.common.json)
    print_json(json_of(s, data, parts, survey));
  else
    print_text(data, parts, survey);
  if (s.sheet.empty()) return 0;
  write_file_atomically(s.sheet, contact_sheet(s.data.path, *all, s.per_class));
  if (!s.common.json) std::printf("%s: contact sheet\n", s.sheet.c_str());
  return 0;
}

}  // namespace papilio::cli
