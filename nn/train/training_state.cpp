#include "nn/train/training_state.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "nn/detail/quant_state.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "papilio training state 1";
constexpr const char* kChecksum = "checksum";
constexpr std::string_view kNote = "note.", kModel = "model.", kOptimizer = "optimizer.",
                           kAverage = "average.";

using Tensors = std::map<std::string, Tensor>;

class Crc {
 public:
  void add(const void* data, size_t bytes) {
    const auto* at = static_cast<const Bytef*>(data);
    for (size_t part; bytes > 0; at += part, bytes -= part) {
      part = std::min<size_t>(bytes, size_t(1) << 30);
      crc_ = ::crc32(crc_, at, uInt(part));
    }
  }
  // Lengths first, so that no two lists of words look alike.
  void add(std::string_view text) {
    const uint64_t size = text.size();
    add(&size, sizeof size);
    add(text.data(), text.size());
  }
  void add(const std::string& name, const Tensor& tensor) {
    add(name);
    add(str(tensor.dtype(), tensor.shape()));
    const Tensor c = contiguous_data(cpu_data(tensor));
    if (c.numel() > 0) add(c.raw_data(), size_t(c.numel()) * size_of(c.dtype()));
  }
  std::string text() const { return str(crc_); }

 private:
  uLong crc_ = ::crc32(0, nullptr, 0);
};

std::string checksum(const Tensors& tensors, const Metadata& metadata) {
  Crc crc;
  for (const auto& [name, tensor] : tensors) crc.add(name, tensor);
  for (const auto& [key, value] : metadata) {
    if (key == kChecksum) continue;
    crc.add(key);
    crc.add(value);
  }
  return crc.text();
}

// A checksum of the parameters that do not train, and of the codes if they are to count.
std::string frozen_checksum(Module& model, bool codes = true) {
  Crc crc;
  for (const auto& [name, tensor] : named_parameters(model)) {
    if (!tensor->requires_grad()) crc.add(name, *tensor);
  }
  if (codes)
    for (const auto& [name, tensor] : named_codes(model)) crc.add(name, *tensor);
  return crc.text();
}

void add_all(Tensors& to, std::string_view prefix, const Tensors& from) {
  for (const auto& [name, tensor] : from) to[std::string(prefix) + name] = tensor;
}

Tensors with_prefix(const Tensors& tensors, std::string_view prefix) {
  Tensors result;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) result[name.substr(prefix.size())] = tensor;
  }
  return result;
}

// Parameters that train, and buffers.
Tensors trained(Module& model) {
  Tensors all = state_dict(model);
  for (const auto& [name, tensor] : named_parameters(model)) {
    if (!tensor->requires_grad()) all.erase(name);
  }
  for (const auto& [name, tensor] : named_codes(model)) all.erase(name);
  return all;
}

struct File {
  fs::path path;
  SafetensorsFile content;

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(path.string() + ": " + what);
  }
  const std::string& word(const std::string& key) const {
    const auto found = content.metadata.find(key);
    if (found == content.metadata.end()) fail("has no " + key);
    return found->second;
  }
  template <class Number>
  Number number(const std::string& key) const {
    const std::string& text = word(key);
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      fail(key + ": expected a number, got " + text);
    return value;
  }
};

template <class T>
void check_numbers(const File& file, const std::string& name, const Tensor& tensor) {
  // The scales of moments in 8 bits are magnitudes.
  const bool magnitudes = name.ends_with("_absmax"), squares = name.ends_with(".exp_avg_sq");
  for (const T v : tensor.to_vector<T>()) {
    if (!std::isfinite(v) || ((squares || magnitudes) && v < 0))
      file.fail(str(name, ": expected finite ",
                    squares      ? "squares"
                    : magnitudes ? "magnitudes"
                                 : "numbers",
                    ", got ", v));
  }
}

// Throws FileError for moments and averages that no step makes.
void check_numbers(const File& file) {
  for (const auto& [name, tensor] : file.content.tensors) {
    if (!name.starts_with(kOptimizer) && !name.starts_with(kAverage)) continue;
    if (tensor.dtype() == DType::float32) check_numbers<float>(file, name, tensor);
    if (tensor.dtype() == DType::float64) check_numbers<double>(file, name, tensor);
  }
}

File read_checked(const fs::path& path) {
  File file{path, load_safetensors(path)};
  const auto format = file.content.metadata.find("format");
  if (format == file.content.metadata.end() || format->second != kFormat)
    file.fail(std::string("is no ") + kFormat);
  if (file.word(kChecksum) != checksum(file.content.tensors, file.content.metadata))
    file.fail("its content does not have the checksum that was written: it is damaged");
  check_numbers(file);
  return file;
}

// Nothing for what is no count.
std::optional<int64_t> count_in(const File& file, const std::string& name) {
  const auto found = file.content.tensors.find(name);
  if (found == file.content.tensors.end() || found->second.dtype() != DType::int64 ||
      found->second.numel() != 1 || found->second.item<int64_t>() < 0)
    return std::nullopt;
  return found->second.item<int64_t>();
}

int64_t updates_in(const File& file) {
  const auto steps = count_in(file, str(kOptimizer, "steps"));
  if (!steps) file.fail("has no count of the optimiser's steps");
  // The average takes part in each of them; what is no count is refused when it is loaded.
  const auto averaged = count_in(file, str(kAverage, "updates"));
  if (averaged && *steps != *averaged)
    file.fail(str("its average has ", *averaged, " updates, the optimiser ", *steps, " steps"));
  return *steps;
}

TrainingPlace place_of(const File& file) {
  TrainingPlace place;
  place.step = file.number<int64_t>("step");
  if (place.step < 0) file.fail(str("step: expected a number >= 0, got ", place.step));
  place.loader = {file.number<int64_t>("epoch"),        file.number<int64_t>("position"),
                  file.number<uint64_t>("loader_seed"), file.number<int64_t>("batch_size"),
                  file.number<int64_t>("samples"),      file.number<uint64_t>("data")};
  place.random = {file.number<uint64_t>("random_seed"), file.number<uint64_t>("random_offset")};
  place.updates = updates_in(file);
  for (const auto& [key, value] : file.content.metadata) {
    if (key.starts_with(kNote)) place.notes[key.substr(kNote.size())] = value;
  }
  return place;
}

// Takes the codes out of a file's tensors of the model: those of earlier builds have them, and not
// in the checksum of what does not train. Throws if what does not train is not the file's.
void check_frozen(const File& file, Tensors& tensors, Module& model) {
  constexpr const char* kOther =
      "the parameters that do not train are not those that the run began with";
  const std::vector<NamedTensor> codes = named_codes(model);
  const bool has_codes = std::ranges::any_of(
      codes, [&](const NamedTensor& named) { return tensors.contains(named.name); });
  if (file.word("frozen") != frozen_checksum(model, !has_codes)) file.fail(kOther);
  if (!has_codes) return;
  Crc mine, theirs;
  for (const auto& [name, tensor] : codes) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) file.fail("lacks " + name);
    mine.add(name, *tensor);
    theirs.add(name, found->second);
    tensors.erase(found);
  }
  if (mine.text() != theirs.text()) file.fail(kOther);
}

}  // namespace

void save_training_state(const fs::path& path, const TrainingParts& parts,
                         const TrainingPlace& place) {
  Tensors tensors;
  add_all(tensors, kModel, trained(parts.model));
  add_all(tensors, kOptimizer, parts.optimizer.state_dict());
  if (parts.average != nullptr) add_all(tensors, kAverage, parts.average->state_dict());
  const LoaderState loader = parts.loader.state();
  const GeneratorState random = default_generator().state();
  Metadata words{{"format", kFormat},
                 {"step", str(place.step)},
                 {"epoch", str(loader.epoch)},
                 {"position", str(loader.position)},
                 {"loader_seed", str(loader.seed)},
                 {"batch_size", str(loader.batch_size)},
                 {"samples", str(loader.samples)},
                 {"data", str(loader.data)},
                 {"random_seed", str(random.seed)},
                 {"random_offset", str(random.offset)},
                 {"frozen", frozen_checksum(parts.model)}};
  for (const auto& [key, value] : place.notes) words[std::string(kNote) + key] = value;
  words[kChecksum] = checksum(tensors, words);
  save_safetensors(path, tensors, words);
}

TrainingPlace load_training_state(const fs::path& path, const TrainingParts& parts) {
  const File file = read_checked(path);
  TrainingPlace place = place_of(file);
  const Tensors& tensors = file.content.tensors;
  const Tensors mine = trained(parts.model);
  Tensors model = with_prefix(tensors, kModel);
  check_frozen(file, model, parts.model);
  const Tensors average = with_prefix(tensors, kAverage);
  if (average.empty() != (parts.average == nullptr))
    file.fail(average.empty() ? "holds no average" : "holds an average, which this run has not");
  for (const auto& [name, tensor] : mine) {
    const auto found = model.find(name);
    if (found == model.end()) file.fail("lacks " + name);
    if (found->second.shape() != tensor.shape())
      file.fail(
          str(name, " has shape ", found->second.shape(), ", the model wants ", tensor.shape()));
    if (found->second.dtype() != tensor.dtype())
      file.fail(str(name, " is of ", found->second.dtype(), ", the model wants ", tensor.dtype()));
  }
  if (model.size() != mine.size())
    file.fail(str("trains ", model.size(), " tensors, this run ", mine.size()));
  // The rest checks before it changes anything; the optimiser is put back if the average refuses.
  const LoaderState loader_before = parts.loader.state();
  Tensors optimizer_before;
  for (const auto& [name, tensor] : parts.optimizer.state_dict())
    optimizer_before[name] = copy_of(tensor);
  try {
    parts.loader.set_state(place.loader);
    parts.optimizer.load_state_dict(with_prefix(tensors, kOptimizer));
    if (parts.average != nullptr) parts.average->load_state_dict(average);
  } catch (const ArgumentError& e) {
    parts.loader.set_state(loader_before);
    parts.optimizer.load_state_dict(optimizer_before);
    file.fail(e.what());
  }
  for (const auto& [name, tensor] : mine) copy_(tensor, model.at(name));
  default_generator().set_state(place.random);
  return place;
}

TrainingPlace read_training_place(const fs::path& path) {
  return place_of(read_checked(path));
}

}  // namespace papilio::nn
