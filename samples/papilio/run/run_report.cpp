#include "samples/papilio/run/run_report.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <new>
#include <sstream>
#include <tuple>
#include <variant>
#include <vector>

#include "kernels/threads.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/toml.h"
#include "samples/papilio/run/shell.h"
#include "samples/papilio/version.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// Numbers of a CSV file by column; columns that are not there are empty.
std::map<std::string, std::vector<double>> read_csv(const fs::path& path) {
  std::map<std::string, std::vector<double>> columns;
  std::ifstream file(path);
  std::vector<std::string> names;
  std::string line, field;
  for (bool header = true; std::getline(file, line); header = false) {
    std::istringstream fields(line);
    for (size_t i = 0; std::getline(fields, field, ','); ++i) {
      if (header) {
        names.push_back(field);
      } else if (i < names.size()) {
        columns[names[i]].push_back(std::strtod(field.c_str(), nullptr));
      }
    }
  }
  return columns;
}

// Means of `group` neighbours, against the epoch in which they lie.
std::vector<report::CurvePoint> grouped_means(const std::vector<double>& steps,
                                              const std::vector<double>& values, size_t group,
                                              double per_epoch) {
  std::vector<report::CurvePoint> points;
  for (size_t from = 0; from < std::min(steps.size(), values.size()); from += group) {
    const size_t to = std::min({from + group, steps.size(), values.size()});
    double step = 0, value = 0, count = 0;
    for (size_t i = from; i < to; ++i) {
      if (!std::isfinite(values[i])) continue;  // of a step without an image
      step += steps[i], value += values[i];
      ++count;
    }
    if (count > 0) points.push_back({step / count / per_epoch, value / count});
  }
  return points;
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

std::string counts_text(const Data& data) {
  return str(data.size("train"), " images to train, ", data.size("validation"), " to validate, ",
             data.size("test"), " to test");
}

}  // namespace

std::string command_line(const std::string& command, const Words& words) {
  std::string line = "papilio " + command;
  for (const std::string& word : words) line += ' ' + shell_quoted(word);
  return line;
}

std::string data_title(const DataSettings& settings) {
  if (settings.digits()) return "handwritten digits";
  const fs::path path = fs::path(settings.path).lexically_normal();
  const std::string last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return last.empty() ? settings.path : last;
}

std::string adapter_label(const boft::AdapterConfig& config) {
  if (const auto* boft = std::get_if<boft::BoftConfig>(&config)) {
    return str("BOFT ",
               boft->boft_block_size > 0 ? str("b=", boft->boft_block_size)
                                         : str("N=", boft->boft_block_num),
               " m=", boft->boft_n_butterfly_factor);
  }
  if (const auto* oft = std::get_if<boft::OftConfig>(&config)) {
    return str("OFT ",
               oft->oft_block_size > 0 ? str("b=", oft->oft_block_size) : str("N=", oft->r));
  }
  return str("LoRA r=", std::get<boft::LoraConfig>(config).r);
}

void describe(report::RunReport& page, const Options& options, const Words& words,
              const nn::ImageClassifier& model, const DataSettings& settings, const Data& data) {
  page.command = options.command();
  page.command_lines = {command_line(options.command(), words)};
  const nn::ImageClassifier::Shape s = model.shape();
  page.model_note =
      str("Model: ", s.model_type, ", ", s.num_hidden_layers, " layers, width ", s.hidden_size,
          ", ", s.num_attention_heads, " heads, MLP width ", s.intermediate_size, ", patches of ",
          s.patch_size, "x", s.patch_size, " pixels in images of ", s.image_size, "x", s.image_size,
          " with ", s.num_channels, s.num_channels == 1 ? " channel." : " channels.");
  page.data_note = settings.digits()
                       ? "Data: handwritten digits of 8x8 pixels (E. Alpaydin and C. Kaynak, "
                         "Optical Recognition of Handwritten Digits, UCI Machine Learning "
                         "Repository, CC BY 4.0); "
                       : str("Data: ", settings.path, " (", data.kind, "); ");
  page.data_note += counts_text(data) + '.';
  for (const TomlEntry& entry : parse_toml(options.toml(), "settings")) {
    if (entry.key == "version" || entry.key == "command") continue;
    std::string value;
    for (const std::string& v : entry.values) value += (value.empty() ? "" : ", ") + v;
    page.settings.push_back({entry.key, value.empty() ? "\u2013" : value});
  }
  page.environment = {{"papilio", kVersion},
                      {"compiler", __VERSION__},
                      {"threads", str(num_threads())},
                      {"written", now()}};
}

void add_training(report::RunReport& page, const fs::path& out, const TrainingEnd& end) {
  constexpr size_t kMostPoints = 75;
  page.steps = end.steps;
  page.total_steps = end.total_steps;
  const auto per_epoch = double(std::max<int64_t>(end.steps_per_epoch, 1));
  auto steps = read_csv(out / "steps.csv");
  const size_t count = steps["step"].size();
  const size_t group = std::max<size_t>(1, (count + kMostPoints - 1) / kMostPoints);
  const auto curve = [&](const char* column) {
    return grouped_means(steps["step"], steps[column], group, per_epoch);
  };
  page.curves.steps_a_point = int64_t(group);
  page.curves.train_loss = curve("loss");
  page.curves.learning_rate = curve("lr");
  page.curves.gradient_norm = curve("gradient_norm");
  double seconds = 0, images = 0;
  for (double s : steps["seconds"]) seconds += s;
  for (double n : steps["images"]) images += n;
  if (seconds > 0) {
    page.seconds = seconds;
    page.images_per_second = images / seconds;
  }
  auto epochs = read_csv(out / "log.csv");
  const std::vector<double>& at = epochs["step"];
  for (size_t i = 0; i < at.size(); ++i) {
    const auto add = [&](std::vector<report::CurvePoint>& to, const char* column) {
      const std::vector<double>& values = epochs[column];
      if (i < values.size() && std::isfinite(values[i]))
        to.push_back({at[i] / per_epoch, values[i]});
    };
    add(page.curves.validation_loss, "validation_loss");
    add(page.curves.validation_accuracy, "validation_accuracy");
  }
  if (end.signal != 0) {
    page.stopped = str("Interrupted after step ", end.steps, " of ", end.total_steps,
                       ": this is the model as it was then.");
  }
  if (!end.failure.empty()) page.stopped = "The training failed: " + end.failure + '.';
  if (!page.stopped.empty() && end.resumable)
    page.resume_command = resume_command(page.command, out);
  page.command_lines.push_back("# the same once more, into another folder");
  page.command_lines.push_back(run_command(page.command, out) + " --out " +
                               shell_quoted(out.string() + "-again"));
}

void write_report(const fs::path& path, const FillReport& fill) {
  report::RunReport page;
  fill(page);
  write_file_atomically(path, report::render(page));
}

void write_report_or_warn(const Options& options, const fs::path& path, const FillReport& fill) {
  try {
    write_report(path, fill);
  } catch (const Error& e) {
    warn(options, {str("no report: ", e.what())});
  } catch (const std::bad_alloc&) {
    warn(options, {"no report: out of memory"});
  }
}

}  // namespace papilio::cli
