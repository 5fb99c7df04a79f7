#include "samples/papilio/models/part_adapters.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <vector>

#include "samples/papilio/run/folder_kind.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// The adapters directly below a folder, in the order of their names.
std::vector<fs::path> adapters_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_adapter_folder(it->path())) found.push_back(it->path());
  }
  std::ranges::sort(found);
  return found;
}

// The one adapter there, or none.
fs::path one_in(const fs::path& folder) {
  const std::vector<fs::path> found = adapters_in(folder);
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const fs::path& path : found) names.push_back(path.filename().string());
  check<FileError>(found.size() < 2, folder.string(), ": holds several adapters, ",
                   joined(names, ", "), "; give the folder of one");
  return found.empty() ? fs::path() : found[0];
}

// The largest number that is a folder's name there and has adapters in it, or 0; `empty`: with or
// without them.
int64_t last_step(const fs::path& folder, bool empty = false) {
  int64_t last = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int64_t step = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (bad != std::errc() || rest != name.data() + name.size() || step <= last) continue;
    if (empty || !adapters_in(it->path()).empty()) last = step;
  }
  return last;
}

fs::path of_step(const fs::path& part, int64_t step) {
  fs::path adapter = one_in(part / std::to_string(step));
  check<FileError>(!adapter.empty(), part.string(), ": holds no adapter of step ", step,
                   last_step(part) > 0 ? str("; the last one is of step ", last_step(part))
                                       : "; adapters of steps lie in RUN/unet/STEP/NAME, and "
                                         "controlnet writes none");
  return adapter;
}

}  // namespace

PartAdapters part_adapters(const fs::path& folder, int64_t step) {
  const fs::path unet = folder / "unet", text = folder / "text_encoder";
  PartAdapters found{part_adapter(folder, "unet"), part_adapter(folder, "text_encoder")};
  if (step == 0 && !found.empty()) return found;
  const bool by_step = step > 0;
  if (!by_step) step = std::max(last_step(unet), last_step(text));
  if (step == 0) return {one_in(unet), one_in(text)};
  for (const fs::path& part : {unet, text}) {
    const int64_t last = last_step(part), newest = last_step(part, true);
    check<FileError>(by_step || last == newest, part.string(), ": step ", newest,
                     " holds no adapter; --adapter-step ", last, " takes the last one that does");
  }
  found.unet = of_step(unet, step);
  found.text_encoder = last_step(text) > 0 ? of_step(text, step) : fs::path();
  return found;
}

}  // namespace papilio::cli
