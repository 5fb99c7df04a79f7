// The JSON header of a safetensors file: parsing with every rule of the format.
//
//   8 bytes    n, little-endian
//   n bytes    {"__metadata__": {"key": "text"},
//               "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//   the rest   the tensors' bytes, row-major, little-endian, without holes or overlaps
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/files/safetensors.h"

namespace papilio {

constexpr uint64_t kMostHeaderBytes = 100'000'000;

// All types, in the order in which the reference implementation writes tensors (last first).
const std::vector<SafetensorsType>& safetensors_types();
const SafetensorsType& safetensors_type(DType dtype);
// Signed bytes, of which Papilio has no dtype.
const SafetensorsType& safetensors_int8();

// Parses the n bytes and checks everything: JSON, keys, dtypes, shapes, and that the tensors cover
// `data_bytes` bytes exactly once. Throws FileError: `file`, the tensor, the rule.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json,
                                           uint64_t data_bytes);

// A name as messages show it: quoted, in one line, not longer than a line.
std::string in_quotes(std::string_view name);

}  // namespace papilio
