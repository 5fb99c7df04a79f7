#include "nn/data/formats/detail/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

// What the last member says it holds, as far as so many bytes can hold it: deflate packs 1032 into
// one at most.
size_t size_hint(std::string_view data, size_t limit) {
  constexpr size_t kLeast = 65536, kMostPacked = 1032;
  size_t size = 0;
  for (size_t i = 0; i < 4 && data.size() >= 18; ++i)
    size |= size_t(static_cast<unsigned char>(data[data.size() - 4 + i])) << 8 * i;
  const size_t most = data.size() > limit / kMostPacked ? limit : data.size() * kMostPacked;
  return std::min(std::max(std::min(size, most), kLeast), limit);
}

// Twice as much room. Growing holds both the old and the new memory.
void make_room(std::string& out, size_t used, const std::string& name, size_t limit) {
  const size_t wanted = std::min(2 * used, limit - used);
  check<FileError>(wanted > used, name, ": unpacks to more than ", limit, " bytes");
  out.resize(wanted);
}

// zlib's input, which it counts in 32 bits.
class Input {
 public:
  Input(z_stream& z, std::string_view data) : z_(z), data_(data) {}

  bool more() {
    if (z_.avail_in == 0 && !data_.empty()) {
      z_.avail_in = uInt(std::min<size_t>(data_.size(), size_t(1) << 30));
      z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data_.data()));
      data_.remove_prefix(z_.avail_in);
    }
    return z_.avail_in > 0;
  }
  // Tapes and disk blocks are filled up with zeros.
  void pass_over_padding() {
    for (; more() && *z_.next_in == 0; --z_.avail_in) ++z_.next_in;
  }

 private:
  z_stream& z_;
  std::string_view data_;
};

}  // namespace

std::string gunzip(std::string_view data, const std::string& name, size_t limit) {
  z_stream z{};
  check<FileError>(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK, name, ": zlib could not start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  Input input(z, data);
  std::string out(size_hint(data, limit), '\0');
  size_t used = 0;
  for (bool complete = false;;) {
    if (complete) {
      input.pass_over_padding();
      if (!input.more()) break;
      inflateReset(&z);  // a further member
    }
    input.more();
    // If all is full, the member's end may be all that is to come: one byte tells.
    const size_t room = std::min<size_t>(out.size() - used, size_t(1) << 30);
    char next = 0;
    z.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + used : &next);
    z.avail_out = uInt(std::max<size_t>(room, 1));
    const uInt before = z.avail_out;
    const int status = inflate(&z, Z_NO_FLUSH);
    if (room == 0 && z.avail_out == 0) {
      make_room(out, used, name, limit);
      out[used] = next;
    }
    used += before - z.avail_out;
    check<FileError>(status != Z_BUF_ERROR, name, ": the gzip data is truncated");
    check<FileError>(status == Z_OK || status == Z_STREAM_END, name, ": the gzip data is corrupt (",
                     z.msg != nullptr ? z.msg : "unexpected end", ")");
    complete = status == Z_STREAM_END;
  }
  out.resize(used);
  return out;
}

std::string gunzip_beginning(std::string_view data, size_t count) {
  z_stream z{};
  if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return {};
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  std::string out(count, '\0');
  Input(z, data).more();
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = uInt(count);
  inflate(&z, Z_SYNC_FLUSH);
  out.resize(count - z.avail_out);
  return out;
}

}  // namespace papilio::nn
