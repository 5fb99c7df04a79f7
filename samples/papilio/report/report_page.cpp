#include "samples/papilio/report/report_page.h"

#include <ctime>
#include <new>

#include "kernels/threads.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/toml.h"
#include "samples/papilio/output/shell.h"
#include "samples/papilio/version.h"
#include "tensor/files/atomic_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

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

// The command as it was typed, quoted for a shell.
std::string command_line(const std::string& command, const Words& words) {
  std::string line = "papilio " + command;
  for (const std::string& word : words) line += ' ' + shell_quoted(word);
  return line;
}

}  // namespace

std::string data_title(const DataSettings& settings) {
  std::string title = settings.source().title;
  if (!title.empty()) return title;
  const fs::path path = fs::path(settings.path).lexically_normal();
  const std::string last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return last.empty() ? settings.path : last;
}

void report_command(report::RunReport& page, const Options& options, const Words& words,
                    const std::string& model_note, const std::string& data_note) {
  page.command = options.command();
  page.command_lines = {command_line(options.command(), words)};
  page.model_note = model_note;
  page.data_note = data_note;
  for (const TomlEntry& entry : parse_toml(options.toml(), "settings")) {
    if (entry.key == "version" || entry.key == "command") continue;
    const std::string value = joined(entry.values, ", ");
    page.settings.push_back({entry.key, value.empty() ? "\u2013" : value});
  }
  page.environment = {{"papilio", kVersion},
                      {"compiler", __VERSION__},
                      {"threads", str(num_threads())},
                      {"written", now()}};
}

void report_command(report::RunReport& page, const Options& options, const Words& words,
                    const nn::ImageClassifier& model, const DataSettings& settings,
                    const Data& data) {
  const nn::ImageClassifier::Shape s = model.shape();
  const std::string& credits = data.source->credits;
  report_command(
      page, options, words,
      str("Model: ", s.model_type, ", ", s.num_hidden_layers, " layers, width ", s.hidden_size,
          ", ", s.num_attention_heads, " heads, MLP width ", s.intermediate_size, ", patches of ",
          s.patch_size, "x", s.patch_size, " pixels in images of ", s.image_size, "x", s.image_size,
          " with ", s.num_channels, s.num_channels == 1 ? " channel." : " channels."),
      str("Data: ", credits.empty() ? str(settings.path, " (", data.images.kind, ")") : credits,
          "; ", counts_text(data), '.'));
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
