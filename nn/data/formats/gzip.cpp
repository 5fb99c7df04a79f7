#include "nn/data/formats/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <memory>

#include "tensor/error.h"

namespace papilio::nn {

std::string gunzip(std::string_view data, const std::string& name, size_t limit) {
  z_stream z{};
  check<FileError>(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK, name, ": zlib could not start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  std::string out;
  char buffer[65536];
  bool complete = false;
  const char* at = data.data();
  size_t left = data.size();
  for (;;) {
    if (z.avail_in == 0 && left > 0) {  // zlib counts input in 32 bits
      z.avail_in = uInt(std::min<size_t>(left, size_t(1) << 30));
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(at));
      at += z.avail_in;
      left -= z.avail_in;
    }
    if (z.avail_in == 0) break;
    if (complete) {  // a further member
      inflateReset(&z);
      complete = false;
    }
    z.next_out = reinterpret_cast<Bytef*>(buffer);
    z.avail_out = sizeof buffer;
    const int status = inflate(&z, Z_NO_FLUSH);
    check<FileError>(status == Z_OK || status == Z_STREAM_END, name, ": the gzip data is corrupt (",
                     z.msg != nullptr ? z.msg : "unexpected end", ")");
    out.append(buffer, sizeof buffer - z.avail_out);
    check<FileError>(out.size() <= limit, name, ": unpacks to more than ", limit, " bytes");
    complete = status == Z_STREAM_END;
  }
  // Output that did not fit the last buffer.
  while (!complete) {
    z.next_out = reinterpret_cast<Bytef*>(buffer);
    z.avail_out = sizeof buffer;
    const int status = inflate(&z, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - z.avail_out);
    check<FileError>(status == Z_OK || status == Z_STREAM_END, name,
                     ": the gzip data is truncated");
    check<FileError>(out.size() <= limit, name, ": unpacks to more than ", limit, " bytes");
    complete = status == Z_STREAM_END;
  }
  return out;
}

}  // namespace papilio::nn
