#include "nn/data/formats/detail/tar.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
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

// Whether the header says the sum of its bytes, its own checksum's counted as spaces.
bool good_checksum(std::string_view header) {
  int64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  return octal(header, 148, 8) == sum;
}

bool climbs(const std::string& path) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return true;
    begin = end + 1;
  }
  return false;
}

// What macOS puts beside the files.
bool is_clutter(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file.starts_with("._") || file == ".DS_Store" || path.starts_with("__MACOSX/") ||
         path.find("/__MACOSX/") != path.npos;
}

// What records before a member say about it.
struct Extended {
  std::optional<std::string> path;
  std::optional<int64_t> size;
};

// Decimal digits alone; -1 for anything else.
int64_t decimal(std::string_view digits) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

// pax: "LENGTH KEY=VALUE\n" one after another, the length that of the whole record.
Extended pax_records(std::string_view data, const std::string& name) {
  Extended found;
  while (!data.empty() && data[0] != '\0') {
    const size_t space = std::min(data.find(' '), data.size());
    const int64_t length = decimal(data.substr(0, space));
    const bool whole = length > int64_t(space) + 1 && uint64_t(length) <= data.size() &&
                       data[size_t(length) - 1] == '\n';
    const std::string_view record =
        whole ? data.substr(space + 1, size_t(length) - space - 2) : std::string_view();
    const size_t equals = record.find('=');
    check<FileError>(equals != record.npos, name, ": an extended tar header is corrupt");
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    check<FileError>(!key.starts_with("GNU.sparse."), name, ": holds sparse files");
    if (key == "path") found.path = value;
    if (key == "size") found.size = decimal(value);
    data.remove_prefix(size_t(length));
  }
  return found;
}

bool is_record(char kind) {
  return kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K';
}

// What a record says of the next member, or an error.
void read_record(char kind, std::string_view data, Extended& extended, const std::string& name) {
  if (kind == 'L') {
    extended.path = text(data, 0, data.size());
  } else if (kind == 'x') {
    const Extended more = pax_records(data, name);
    if (more.path) extended.path = more.path;
    if (more.size) extended.size = more.size;
  } else if (kind == 'g') {
    const Extended all = pax_records(data, name);
    check<FileError>(!all.path && !all.size, name,
                     ": a tar header that names or sizes all files is not supported");
  }
}

// A member's own header, with its data's place and the next header's.
struct Header {
  std::string path;
  char kind = 0;
  std::string_view data;
  size_t next = 0;

  bool is_wanted() const { return kind != '5' && !path.ends_with('/') && !is_clutter(path); }
};

std::string path_of(std::string_view block, const Extended& extended) {
  if (extended.path) return *extended.path;
  // GNU's magic has other fields where POSIX has the path's beginning, v7 has none.
  const std::string path = text(block, 0, 100), prefix = text(block, 345, 155);
  const bool posix = block.substr(257, 6) == std::string_view("ustar\0", 6);
  return posix && !prefix.empty() ? prefix + '/' + path : path;
}

Header header_at(std::string_view bytes, size_t at, const Extended& extended,
                 const std::string& name) {
  const std::string_view block = bytes.substr(at, kBlock);
  check<FileError>(good_checksum(block), name, ": expected a tar header at byte ", at,
                   ", got something else");
  Header header{path_of(block, extended), block[156], {}, 0};
  const int64_t size = extended.size.value_or(octal(block, 124, 12));
  check<FileError>(size >= 0 && uint64_t(size) <= bytes.size() - at - kBlock, name, ": ",
                   header.path, " says it has ",
                   size < 0 ? "no readable size" : str(size, " bytes"),
                   ", which is not what the archive holds");
  header.data = bytes.substr(at + kBlock, size_t(size));
  header.next = at + kBlock + (size_t(size) + kBlock - 1) / kBlock * kBlock;
  return header;
}

void check_member(const Header& header, const std::string& name) {
  const auto& [path, kind, data, next] = header;
  check<FileError>(!path.empty() && path[0] != '/' && path.find('\0') == path.npos && !climbs(path),
                   name, ": ", path, " is no path inside the archive's own folder");
  check<FileError>(kind == '0' || kind == '\0' || kind == '5', name, ": ", path,
                   kind == '1' || kind == '2' ? " is a link" : " is neither a file nor a folder");
}

}  // namespace

bool is_tar(std::string_view bytes) {
  return bytes.size() >= kBlock && bytes[0] != '\0' && good_checksum(bytes.substr(0, kBlock));
}

std::vector<TarMember> read_tar(std::string_view bytes, const std::string& name) {
  std::vector<TarMember> members;
  Extended extended;  // of the next member
  for (size_t at = 0;;) {
    check<FileError>(at + kBlock <= bytes.size(), name, ": the tar archive is truncated");
    const std::string_view block = bytes.substr(at, kBlock);
    if (block.find_first_not_of('\0') == block.npos) return members;  // the archive's end
    const char kind = block[156];
    Header header = header_at(bytes, at, is_record(kind) ? Extended() : extended, name);
    at = header.next;
    if (is_record(kind)) {
      read_record(kind, header.data, extended, name);
      continue;
    }
    extended = {};
    check_member(header, name);
    if (header.is_wanted()) members.push_back({std::move(header.path), header.data});
  }
}

std::vector<std::string> paths_in_tar(std::string_view beginning) {
  std::vector<std::string> paths;
  try {
    Extended extended;
    for (size_t at = 0; at + kBlock <= beginning.size();) {
      const std::string_view block = beginning.substr(at, kBlock);
      if (!good_checksum(block)) break;
      const char kind = block[156];
      Header header{path_of(block, extended), kind, {}, 0};
      if (!is_record(kind) && header.is_wanted()) paths.push_back(header.path);
      header = header_at(beginning, at, is_record(kind) ? Extended() : extended, "");
      at = header.next;
      if (is_record(kind))
        read_record(kind, header.data, extended, "");
      else
        extended = {};
    }
  } catch (const FileError&) {  // the beginning ends, or read_tar says what is wrong
  }
  return paths;
}

}  // namespace papilio::nn
