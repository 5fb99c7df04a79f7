#include "nn/data/formats/tar.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr size_t kBlock = 512;

// A header block's fields.
std::string text(std::string_view header, size_t begin, size_t length) {
  const std::string_view field = header.substr(begin, length);
  return std::string(field.substr(0, field.find('\0')));
}

// Octal digits, with spaces or NUL around them; -1 for anything else.
int64_t octal(std::string_view header, size_t begin, size_t length) {
  std::string_view field = header.substr(begin, length);
  while (field.starts_with(' ')) field.remove_prefix(1);
  while (field.ends_with(' ') || field.ends_with('\0')) field.remove_suffix(1);
  int64_t value = 0;
  if (field.empty() || field.size() > 20) return -1;
  for (char c : field) {
    if (c < '0' || c > '7') return -1;
    value = value * 8 + (c - '0');
  }
  return value;
}

// The sum of the header's bytes, its own checksum's counted as spaces.
int64_t checksum(std::string_view header) {
  int64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  return sum;
}

bool climbs(const std::string& path) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

bool is_tar(std::string_view bytes) {
  return bytes.size() >= kBlock && bytes.substr(257, 5) == "ustar";
}

std::vector<TarMember> read_tar(std::string_view bytes, const std::string& name) {
  std::vector<TarMember> members;
  for (size_t at = 0;; at += kBlock) {
    check<FileError>(at + kBlock <= bytes.size(), name, ": the tar archive is truncated");
    const std::string_view header = bytes.substr(at, kBlock);
    if (header.find_first_not_of('\0') == header.npos) return members;  // the archive's end
    check<FileError>(is_tar(header) && octal(header, 148, 8) == checksum(header), name,
                     ": expected a tar header at byte ", at, ", got something else");
    const std::string prefix = text(header, 345, 155);
    std::string path = text(header, 0, 100);
    // GNU's magic has other fields where POSIX has the path's beginning.
    if (header.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty())
      path = prefix + '/' + path;
    const int64_t size = octal(header, 124, 12);
    check<FileError>(size >= 0 && uint64_t(size) <= bytes.size() - at - kBlock, name, ": ", path,
                     " says it has ", size < 0 ? "no readable size" : str(size, " bytes"),
                     ", which is not what the archive holds");
    const std::string_view data = bytes.substr(at + kBlock, size_t(size));
    at += (size_t(size) + kBlock - 1) / kBlock * kBlock;
    const char kind = header[156];
    if (kind == 'x' || kind == 'g') {
      for (const char* key : {" path=", " size=", " linkpath="}) {
        check<FileError>(data.find(key) == data.npos, name,
                         ": extended tar headers that rename or resize files are not supported");
      }
      continue;
    }
    check<FileError>(!path.empty() && path[0] != '/' && !climbs(path), name, ": ", path,
                     " is no path inside the archive's own folder");
    check<FileError>(kind == '0' || kind == '\0' || kind == '5', name, ": ", path,
                     kind == '1' || kind == '2' ? " is a link" : " is neither a file nor a folder");
    if (kind != '5') members.push_back({std::move(path), data});
  }
}

}  // namespace papilio::nn
