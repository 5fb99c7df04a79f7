// The two files of an adapter folder, read and written without a model: PEFT's form, and a compact
// one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "boft/methods/methods.h"
#include "tensor/tensor.h"

namespace papilio::boft {

// What an adapter's folder holds.
struct AdapterFolder {
  AdapterConfig config;
  Tensors tensors;                    // by PEFT's keys, whatever form they were stored in
  std::vector<std::string> warnings;  // of the configuration, one line each
  std::filesystem::path file;         // of the tensors
  // Tensors of dtypes that are not supported, which are left out: the dtype by key.
  std::map<std::string, std::string> unsupported = {};
};

// peft: adapter_model.safetensors, as PEFT reads and writes it. compact, BOFT only: half the size,
// adapter_model.compact.safetensors with `boft_R_upper` (m, N, b (b - 1) / 2), the upper triangle
// row by row of S = (R - R^T) / 2, in place of `boft_R` (m, N, b, b), of which nothing else acts;
// reading gives R = S, whose rotations have the same bits. PEFT finds no weights in such a folder
// and says so.
enum class FolderForm { peft, compact };

// Throws FileError for what is no folder of an adapter and can be named: a file, tensors in a
// pickle, tensors of another tool or without their configuration.
void check_adapter_folder(const std::filesystem::path& path);

// Names that torch.compile and data parallelism have put around others ("_orig_mod.", "module.")
// are left out. Throws FileError for missing or wrong files, for OFT from before PEFT 0.14
// (`oft_r`), and for LyCORIS and kohya files (`oft_blocks`), with the reason.
AdapterFolder read_adapter_folder(const std::filesystem::path& folder);

// Each file atomically; a missing folder is made, and the weights of the other form are removed.
// Throws FileError.
void write_adapter_folder(const std::filesystem::path& folder, const AdapterConfig& config,
                          const Tensors& tensors, FolderForm form = FolderForm::peft);

// Why a key is of a format that is none of PEFT's today, and what to do about it; else empty.
std::string foreign_format(const std::string& key);

}  // namespace papilio::boft
