#include "nn/data/formats/detail/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>

#include "tensor/error.h"

namespace papilio::nn::codec {

using namespace std::string_view_literals;

namespace {

uint32_t four(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

struct Chunk {
  std::string_view whole;  // length, type, data and checksum
  std::string_view type, data;
};

// The chunk at the beginning, or one without a type if none is whole there.
Chunk chunk_at(std::string_view bytes) {
  if (bytes.size() < 12) return {};
  const size_t length = four(bytes);
  const std::string_view type = bytes.substr(4, 4);
  if (length > bytes.size() - 12 || !std::ranges::all_of(type, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_';
      })) {
    return {};
  }
  return {bytes.substr(0, length + 12), type, bytes.substr(8, length)};
}

bool good_checksum(const Chunk& chunk) {
  const std::string_view summed = chunk.whole.substr(4, chunk.data.size() + 4);
  const uLong crc =
      crc32_z(0, reinterpret_cast<const Bytef*>(summed.data()), z_size_t(summed.size()));
  return crc == four(chunk.whole.substr(chunk.whole.size() - 4));
}

// At most 1 MB, as Pillow has it; nothing of data that is corrupt or longer.
std::string inflated(std::string_view data) {
  std::string text(size_t(1) << 20, '\0');
  uLongf size = text.size();
  const int status = uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                                reinterpret_cast<const Bytef*>(data.data()), uLong(data.size()));
  text.resize(status == Z_OK ? size : 0);
  return text;
}

// Up to the next NUL, which goes too.
std::string_view take(std::string_view& bytes) {
  const size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view field = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return field;
}

void note_text(OrientationNotes& notes, const Chunk& chunk) {
  std::string_view rest = chunk.data;
  const std::string_view key = take(rest);
  std::string* const note = key == "Raw profile type exif"          ? &notes.raw_profile
                            : key == "XML:com.adobe.xmp"            ? &notes.xmp
                            : key == "exif" && chunk.type == "tEXt" ? &notes.exif
                                                                    : nullptr;
  if (note == nullptr) return;
  bool packed = chunk.type == "zTXt";
  if (chunk.type != "tEXt") {
    const size_t flags = packed ? 1 : 2;  // compression method; iTXt: compressed or not before it
    if (rest.size() < flags || rest[flags - 1] != '\0') return;
    packed = packed || rest[0] != '\0';
    rest.remove_prefix(flags);
  }
  if (chunk.type == "iTXt") {  // language, translated key
    take(rest);
    take(rest);
  }
  *note = packed ? inflated(rest) : std::string(rest);
}

void note(OrientationNotes& notes, const Chunk& chunk) {
  if (chunk.type == "eXIf") notes.exif = chunk.data;
  if (chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt") note_text(notes, chunk);
}

}  // namespace

PngChunks png_chunks(std::string_view bytes, const std::string& name) {
  constexpr size_t kSignature = 8;
  constexpr std::string_view kEnd = "\0\0\0\0IEND\xae\x42\x60\x82"sv;
  PngChunks chunks{{bytes.substr(0, kSignature)}, {}};
  int color_type = -1;
  enum class Stage { before, inside, behind } stage = Stage::before;  // the IDATs
  for (size_t at = kSignature;;) {
    const Chunk chunk = chunk_at(bytes.substr(at));
    if (chunk.type.empty()) {
      check<FileError>(stage != Stage::before, name,
                       ": the PNG data is corrupt (it ends too early)");
      break;
    }
    if (stage == Stage::inside && chunk.type != "IDAT") stage = Stage::behind;
    const bool read = (chunk.type == "IHDR" || chunk.type == "IDAT" ||
                       (chunk.type == "PLTE" && color_type == 3)) &&
                      stage != Stage::behind;  // libpng checks these
    check<FileError>(read || good_checksum(chunk), name, ": the PNG data is corrupt (",
                     std::string(chunk.type), ": CRC error)");
    if (chunk.type == "IEND") break;
    if (chunk.type == "IHDR" && chunk.data.size() > 9) color_type = chunk.data[9];
    if (chunk.type == "IDAT" && stage == Stage::before) stage = Stage::inside;
    if (read) chunks.pieces.push_back(chunk.whole);
    const size_t least = color_type == 0 ? 2 : color_type == 2 ? 6 : 0;
    check<FileError>(chunk.type != "tRNS" || chunk.data.size() >= least, name,
                     ": the PNG data is corrupt (tRNS: too short)");
    note(chunks.notes, chunk);
    at += chunk.whole.size();
  }
  chunks.pieces.push_back(kEnd);
  return chunks;
}

}  // namespace papilio::nn::codec
