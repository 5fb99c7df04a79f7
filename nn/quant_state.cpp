#include "nn/detail/quant_state.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "nn/adapter.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

constexpr DType kNumbers[] = {DType::float32, DType::float16, DType::bfloat16};

// The name below `path` of the 4-bit state of whatever kind; empty if there is none.
std::string state_name_at(const StateDict& tensors, const std::string& path) {
  const std::string start = path + ".weight.quant_state.";
  const auto found = tensors.lower_bound(start);
  if (found == tensors.end() || !found->first.starts_with(start)) return "";
  return found->first.substr(path.size() + 1);
}

// The tensors of one layer, which leave the dictionary one by one.
class Files {
 public:
  Files(StateDict& tensors, std::string path, const CodesSource& source)
      : tensors_(tensors), path_(std::move(path)), source_(source) {}

  bool has(const std::string& below) const { return tensors_.contains(name(below)); }
  // Where that tensor lies.
  std::string place(const std::string& below) const { return source_.place(name(below)); }
  Tensor bytes(const std::string& below) const { return source_.bytes(name(below)); }
  template <class... Parts>
  void expect(bool holds, const std::string& below, const Parts&... message) const {
    if (!holds) throw FileError(str(place(below), ": ", message...));
  }

  // A copy, so that the file need not stay mapped. numel < 0: any number.
  Tensor take(const std::string& below, DType dtype, int64_t numel = -1) {
    const auto found = tensors_.find(name(below));
    expect(found != tensors_.end(), below, "is missing");
    const Tensor tensor = found->second;
    expect(tensor.dtype() == dtype && (numel < 0 || tensor.numel() == numel), below, "expected ",
           numel < 0 ? std::string() : str(numel, " of "), dtype, ", got ", tensor.numel(), " of ",
           tensor.dtype());
    tensors_.erase(found);
    return copy_of(tensor);
  }

  // The kind of codes, by the names of what lies beside them.
  Quantization kind() const {
    if (has("SCB")) return Quantization::int8;
    const std::string state = state_name_at(tensors_, path_);
    for (const Quantization kind : {Quantization::nf4, Quantization::fp4})
      if (state == quant_state_name(kind)) return kind;
    expect(state.empty(), state, "expected quant_state.bitsandbytes__nf4 or __fp4");
    throw FileError(place(quant_state_name(Quantization::nf4)) + " (or __fp4): is missing");
  }

 private:
  std::string name(const std::string& below) const { return path_ + '.' + below; }

  StateDict& tensors_;
  std::string path_;
  const CodesSource& source_;
};

DType dtype_named(JsonFields& state) {
  const std::string name = state.string("dtype", "float32");
  for (const DType dtype : kNumbers)
    if (name_of(dtype) == name) return dtype;
  state.fail("dtype", "float32, float16 or bfloat16");
}

int64_t blocks(int64_t n, int64_t size) {
  return (n + size - 1) / size;
}

void take_4bit(QuantizedMatrix& q, Files& files) {
  const std::string at = files.place(quant_state_name(q.kind));
  const Tensor bytes = files.take(quant_state_name(q.kind), DType::uint8);
  const std::vector<uint8_t> text = bytes.to_vector<uint8_t>();
  const nlohmann::json document = parse_json(std::string(text.begin(), text.end()), at);
  JsonFields state(document, at);
  if (state.string("quant_type", "") != name_of(q.kind))
    state.fail("quant_type", std::string(name_of(q.kind)).c_str());
  files.expect(!state.value("blocksize").is_null(), quant_state_name(q.kind), "has no blocksize");
  q.block_size = state.integer("blocksize", 64, 32, 4096);
  if (!std::has_single_bit(uint64_t(q.block_size))) state.fail("blocksize", "a power of two");
  q.dtype = dtype_named(state);
  const std::vector<int64_t> shape = state.integers("shape");
  files.expect(shape == std::vector{q.out, q.in}, quant_state_name(q.kind),
               "shape: expected the layer's (", q.out, ", ", q.in, "), got (", joined(shape, ", "),
               ")");
  q.codes = files.take("weight", DType::uint8, (q.numel() + 1) / 2);
  q.codes = q.codes.alias(Layout::contiguous({q.codes.numel(), 1}));
  q.table = files.take("weight.quant_map", DType::float32, 16);
  const int64_t count = blocks(q.numel(), q.block_size);
  const bool nested = files.has("weight.nested_absmax");
  q.absmax = files.take("weight.absmax", nested ? DType::uint8 : DType::float32, count);
  if (!nested) return;
  for (const char* key : {"nested_blocksize", "nested_offset"})
    files.expect(!state.value(key).is_null(), quant_state_name(q.kind), "has no ", key,
                 ", without which weight.nested_absmax says nothing");
  q.nested_block_size = state.integer("nested_blocksize", 256, 1, int64_t(1) << 30);
  q.nested_offset = state.number("nested_offset", 0);
  q.nested_absmax =
      files.take("weight.nested_absmax", DType::float32, blocks(count, q.nested_block_size));
  q.nested_table = files.take("weight.nested_quant_map", DType::float32, 256);
}

void take_int8(QuantizedMatrix& q, Files& files) {
  q.scale = files.take("SCB", DType::float32, q.out);
  if (files.has("weight_format")) {
    const int format = int(files.take("weight_format", DType::uint8, 1).item());
    files.expect(format == 0, "weight_format", "expected 0 (rows), got ", format);
  }
  q.codes = files.bytes("weight");
  files.expect(q.codes.shape() == Dims{q.out, q.in}, "weight", "expected signed bytes of shape ",
               Dims{q.out, q.in}, ", got ", q.codes.shape());
}

// As Python's json.dumps has it: the shortest text that reads back as x, with a point or an
// exponent.
std::string python_number(double x) {
  const double size = std::abs(x);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), x,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string number(text.data(), end);
  return plain && number.find('.') == number.npos ? number + ".0" : number;
}

}  // namespace

std::string quant_state_name(Quantization kind) {
  return str("weight.quant_state.bitsandbytes__", name_of(kind));
}

Tensor state_of(const QuantizedMatrix& q) {
  if (q.kind == Quantization::int8) {
    Tensor rows = empty({}, {.dtype = DType::uint8});
    *rows.data<uint8_t>() = 0;
    return copy_of(rows, q.device());
  }
  std::string text =
      str("{\"quant_type\": \"", name_of(q.kind), "\", \"blocksize\": ", q.block_size,
          ", \"dtype\": \"", name_of(q.dtype), "\", \"shape\": [", q.out, ", ", q.in, ']');
  if (q.nested_absmax)
    text +=
        str(", \"nested_blocksize\": ", q.nested_block_size,
            ", \"nested_dtype\": \"float32\", \"nested_offset\": ", python_number(q.nested_offset));
  text += '}';
  return copy_of(tensor<uint8_t>(std::vector<uint8_t>(text.begin(), text.end())), q.device());
}

bool is_code_name(std::string_view name, const std::string& path) {
  const std::string before = path.empty() ? "" : path + '.';
  if (!name.starts_with(before)) return false;
  name.remove_prefix(before.size());
  return name == "weight" || name.starts_with("weight.") || name == "SCB" ||
         name == "weight_format";
}

bool is_state_name(std::string_view name) {
  return name.find("weight.quant_state.") != name.npos || name.ends_with("weight_format");
}

std::vector<NamedTensor> named_codes(Module& module) {
  std::vector<std::string> paths;
  for_each_module(module, [&](const std::string& path, Module& m) {
    const auto* const layer = dynamic_cast<AdaptableLayer*>(&m);
    if (layer != nullptr && layer->quantized) paths.push_back(path);
  });
  if (paths.empty()) return {};
  std::vector<NamedTensor> all = named_parameters(module, true);
  std::erase_if(all, [&](const NamedTensor& named) {
    return std::ranges::none_of(
        paths, [&](const std::string& path) { return is_code_name(named.name, path); });
  });
  return all;
}

bool has_codes(const StateDict& tensors, const std::string& path) {
  const auto weight = tensors.find(path + ".weight");
  return (weight != tensors.end() && weight->second.dtype() == DType::uint8) ||
         !state_name_at(tensors, path).empty() || tensors.contains(path + ".SCB");
}

QuantizedMatrix take_codes(StateDict& tensors, const std::string& path, int64_t out, int64_t in,
                           const CodesSource& source) {
  Files files(tensors, path, source);
  QuantizedMatrix q;
  q.kind = files.kind();
  q.out = out, q.in = in;
  if (q.kind == Quantization::int8)
    take_int8(q, files);
  else
    take_4bit(q, files);
  return q;
}

}  // namespace papilio::nn
