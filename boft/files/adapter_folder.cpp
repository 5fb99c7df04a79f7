#include "boft/files/adapter_folder.h"

#include <cmath>
#include <system_error>
#include <utility>
#include <variant>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "boft/files/config_json.h"
#include "boft/ops/skew_symmetric.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/files/safetensors.h"

namespace papilio::boft {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "adapter_config.json";

const char* file_name(FolderForm form) {
  return form == FolderForm::peft ? "adapter_model.safetensors"
                                  : "adapter_model.compact.safetensors";
}

void check_known_format(const fs::path& file, const Tensors& tensors) {
  for (const auto& [key, tensor] : tensors) {
    const std::string foreign = foreign_format(key);
    check<FileError>(foreign.empty(), file.string(), ": ", foreign);
  }
}

// Files of other tools come without a configuration: says so if this is one.
void check_has_config(const fs::path& file) {
  const Tensors tensors = load_safetensors(file).tensors;
  check_known_format(file, tensors);
  for (const auto& [key, tensor] : tensors)
    check<FileError>(!key.ends_with(".scaled_oft"), file.string(), ": ", key,
                     " is of OneTrainer, whose files have no configuration; it is read as ",
                     file_name(FolderForm::peft), " beside an ", kConfig,
                     " with peft_type OFT, oft_block_size and target_modules, if its keys begin "
                     "with ",
                     kKeyPrefix);
  for (const auto& [key, tensor] : tensors)
    check<FileError>(!is_adapter_key(key), file.string(), ": ", key, " is of an adapter without ",
                     kConfig, ", which says what its numbers mean");
}

}  // namespace

std::string foreign_format(const std::string& key) {
  if (key.find("oft_blocks") != std::string::npos)
    return key +
           " is of LyCORIS or kohya, whose rotation multiplies the weight's outputs (W' = R W) "
           "where OFT and BOFT rotate its inputs (W' = W R^T): no adapter here equals it; merge it "
           "into the base with that tool and use the merged weights";
  if (key.ends_with(".oft_r") || key.find(".oft_r.") != std::string::npos)
    return key +
           " is an OFT adapter of PEFT 0.15 or older, whose parameters mean something else; train "
           "it again, or merge it with that release and use the merged weights";
  for (const std::string_view end : {".dora_scale", ".dora_multiplier", ".initial_norm"}) {
    if (key.ends_with(end))
      return key +
             " scales the rows of a rotated weight (DoRA, of OneTrainer's DoRA-OFT and others), "
             "which no adapter here does; merge it into the base with that tool";
  }
  return "";
}

namespace {

// OneTrainer marks each layer's rotation that it divides by 2 sqrt(b - 1): here the division is
// done, and what is left is PEFT's OFT.
void take_scaled_oft(AdapterFolder& folder) {
  constexpr std::string_view kMark = ".scaled_oft";
  std::vector<std::string> marks;
  for (const auto& [key, tensor] : folder.tensors)
    if (key.ends_with(kMark)) marks.push_back(key);
  for (const auto& [key, dtype] : folder.unsupported)
    if (key.ends_with(kMark)) marks.push_back(key);
  const NoGrad no_grad;
  for (const std::string& mark : marks) {
    const std::string key = with_ending(mark, kMark, ".weight");
    const auto found = folder.tensors.find(key);
    check<FileError>(found != folder.tensors.end(), folder.file.string(), ": ", mark,
                     " marks no rotation: there is no ", key);
    Tensor& upper = found->second;
    const int64_t b = upper.dim() == 2 ? block_size_of_triangle(upper.size(1)) : 0;
    check<FileError>(b > 1 && is_floating(upper.dtype()), folder.file.string(), ": ", key,
                     ": expected numbers of shape (N, b (b - 1) / 2), got ", upper.shape());
    upper = cast(upper, working_dtype(upper.dtype(), DType::float32)) *
            (1 / (2 * std::sqrt(double(b - 1))));
    folder.tensors.erase(mark);
    folder.unsupported.erase(mark);
  }
  if (!marks.empty())
    folder.warnings.push_back(str(folder.file.string(), ": ", marks.size(),
                                  " rotations in OneTrainer's scaled form (scaled_oft) are read "
                                  "as vec / (2 sqrt(b - 1))"));
}

// The key before torch.compile or data parallelism wrapped the model, or the adapter around it.
std::string unwrapped_key(const std::string& key) {
  constexpr std::string_view kParallel = "module.";
  std::string name = nn::uncompiled_name(key);
  if (name.starts_with(kParallel)) name.erase(0, kParallel.size());
  if (name.substr(0, name.find(kParallel)) == kKeyPrefix)
    name.erase(kKeyPrefix.size(), kParallel.size());
  return name;
}

template <class Value>
void unwrap_keys(std::map<std::string, Value>& by_key, const std::string& where) {
  std::map<std::string, Value> result;
  for (auto& [key, value] : by_key) {
    const std::string name = unwrapped_key(key);
    check<FileError>(result.emplace(name, std::move(value)).second, where, ": names ", name,
                     " twice, also as ", key);
  }
  by_key = std::move(result);
}

void unwrap(AdapterFolder& folder) {
  unwrap_keys(folder.tensors, folder.file.string());
  unwrap_keys(folder.unsupported, folder.file.string());
  const auto unwrap_names = [](std::vector<std::string> names) {
    for (std::string& name : names) name = nn::uncompiled_name(name);
    return names;
  };
  std::visit(
      [&](auto& c) {
        for (ModuleNames* names : {&c.target_modules, &c.exclude_modules})
          if (names->kind() == ModuleNames::Kind::list) *names = unwrap_names(names->names());
        c.modules_to_save = unwrap_names(c.modules_to_save);
      },
      folder.config);
}

}  // namespace

void check_adapter_folder(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) {
    if (path.extension() == ".safetensors") check_has_config(path);
    throw FileError(path.string() +
                    ": is a file; an adapter is a folder with adapter_config.json and "
                    "adapter_model.safetensors");
  }
  check<FileError>(
      !file_exists(path / "adapter_model.bin") || file_exists(path / file_name(FolderForm::peft)),
      path.string(),
      ": its tensors are in adapter_model.bin, which is not read: a file that can run "
      "code when it is opened; save the adapter as adapter_model.safetensors "
      "(save_pretrained of a newer PEFT writes it)");
  if (file_exists(path / kConfig)) return;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().extension() == ".safetensors") check_has_config(entry.path());
  }
}

AdapterFolder read_adapter_folder(const fs::path& folder) {
  check_adapter_folder(folder);
  const auto config = read_config(folder / kConfig);
  const bool compact = !file_exists(folder / file_name(FolderForm::peft)) &&
                       file_exists(folder / file_name(FolderForm::compact));
  const fs::path file = folder / file_name(compact ? FolderForm::compact : FolderForm::peft);
  auto [tensors, metadata, unsupported] = load_safetensors(file);
  check_known_format(file, tensors);
  if (compact) tensors = expanded(config.config, tensors, file.string());
  AdapterFolder result{config.config, std::move(tensors), config.warnings, file, unsupported};
  unwrap(result);
  take_scaled_oft(result);
  trust_tensors(result.config, result.tensors, file.string(), result.warnings);
  return result;
}

void write_adapter_folder(const fs::path& folder, const AdapterConfig& config,
                          const Tensors& tensors, FolderForm form) {
  const char* refusal = no_compact_form(config);
  check(form == FolderForm::peft || refusal == nullptr,
        "the compact form is BOFT's: ", peft_type(config), refusal == nullptr ? "" : refusal);
  const std::string text = config_text(config);  // throws before anything is written
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": cannot be made: ", error.message());
  const FolderForm other = form == FolderForm::peft ? FolderForm::compact : FolderForm::peft;
  save_safetensors(folder / file_name(form),
                   form == FolderForm::peft ? tensors : compacted(config, tensors),
                   {{"format", "pt"}});
  write_file_atomically(folder / kConfig, text);
  fs::remove(folder / file_name(other), error);
}

}  // namespace papilio::boft
