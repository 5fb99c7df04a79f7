#include "nn/parallel/data_parallel.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <vector>

#include "nn/detail/line_difference.h"
#include "nn/detail/quant_state.h"
#include "nn/parallel/detail/sum_in_order.h"
#include "tensor/copy.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

std::span<std::byte> bytes_of(const Tensor& host) {
  return {static_cast<std::byte*>(host.raw_data()), size_t(host.numel()) * size_of(host.dtype())};
}

// A line for each: its name, what it is, a checksum of its bytes.
std::string checksums(Module& model, bool trained_only) {
  std::string lines;
  for (const NamedTensor& named : named_parameters(model, true)) {
    if (trained_only && !named.tensor->requires_grad()) continue;
    const Tensor host = contiguous_data(cpu_data(*named.tensor));
    const auto bytes = bytes_of(host);
    const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    lines += str(named.name, ": ", host.dtype(), ' ', host.shape(), ", checksum ", sum, '\n');
  }
  return lines;
}

// "" for no difference.
std::string difference(const std::string& own, const std::string& other) {
  const auto found = line_difference(own, other);
  if (!found) return "";
  const auto said = [](const std::string& line) {
    return line.empty() ? "nothing" : '\'' + line + '\'';
  };
  return said(found->own) + ", there " + said(found->other);
}

}  // namespace

BatchParts DataParallel::parts() const {
  if (reproducible_parts == 0) return {ranks.size(), ranks.rank(), ranks.rank() + 1};
  check(ranks.size() <= reproducible_parts, "data-parallel training: expected at most ",
        reproducible_parts, " ranks for so many parts of a batch, got ", ranks.size());
  const PartRange own = parts_of_rank(reproducible_parts, ranks.rank(), ranks.size());
  return {reproducible_parts, own.begin, own.end};
}

size_t DataParallel::bytes_on_the_way(int64_t numbers) const {
  const size_t one = size_t(numbers) * sizeof(float);
  if (reproducible_parts == 0)
    return ranks.size() == 1 ? 0 : one + (gradients == DType::bfloat16 ? one / 2 : 0);
  const BatchParts own = parts();
  // Those of each own part, and their sum.
  return size_t(own.end - own.begin + 1) * one +
         sum_in_order_bytes(reproducible_parts, ranks.size(), numbers);
}

std::string difference_of_ranks(Communicator& ranks, const std::string& what,
                                const std::string& text) {
  const std::string first = ranks.broadcast(text);
  const std::string own = difference(text, first);
  const std::vector<std::string> all = ranks.all_gather(own.substr(0, 1000));
  const auto other = std::ranges::find_if(all, [](const std::string& d) { return !d.empty(); });
  if (other == all.end()) return "";
  const int rank = int(other - all.begin());
  return str("rank ", rank, " on ", ranks.host(rank), " has other ", what, " than rank 0 on ",
             ranks.host(0), ": ", *other);
}

void check_same_everywhere(Communicator& ranks, const std::string& what, const std::string& text) {
  const std::string found = difference_of_ranks(ranks, what, text);
  check<RankError>(found.empty(), found);
}

void broadcast_parameters(Communicator& ranks, Module& model) {
  std::string names;
  for (const NamedTensor& named : named_parameters(model, true)) {
    names += str(named.name, ": ", named.tensor->dtype(), ' ', named.tensor->shape(),
                 named.tensor->requires_grad() ? ", trained\n" : "\n");
  }
  check_same_everywhere(ranks, "parameters", names);
  std::set<std::string> frozen;
  for (const NamedTensor& named : named_codes(model)) frozen.insert(named.name);
  for (const NamedTensor& named : named_parameters(model))
    if (!named.tensor->requires_grad()) frozen.insert(named.name);
  for (const NamedTensor& named : named_parameters(model, true)) {
    if (frozen.contains(named.name)) continue;
    const Tensor host = copy_of(cpu_data(*named.tensor));
    ranks.broadcast(bytes_of(host));
    copy_(*named.tensor, host);
  }
  check_same_everywhere(ranks, "parameters", checksums(model, false));
}

void check_same_parameters(Communicator& ranks, Module& model) {
  if (ranks.size() == 1) return;
  check_same_everywhere(ranks, "trained parameters", checksums(model, true));
}

}  // namespace papilio::nn
