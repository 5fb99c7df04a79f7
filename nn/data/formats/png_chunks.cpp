#include "nn/data/formats/detail/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <memory>

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

bool is_type(std::string_view type) {
  return std::ranges::all_of(type,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// The chunk at the beginning, or one without a type if none is whole there.
Chunk chunk_at(std::string_view bytes) {
  if (bytes.size() < 12) return {};
  const size_t length = four(bytes);
  const std::string_view type = bytes.substr(4, 4);
  if (length > bytes.size() - 12 || !is_type(type)) return {};
  return {bytes.substr(0, length + 12), type, bytes.substr(8, length)};
}

// What an IDAT at the file's end has of its data, as far as the file goes.
std::string_view cut_data(std::string_view bytes) {
  if (bytes.size() < 8 || bytes.substr(4, 4) != "IDAT") return {};
  return bytes.substr(8, four(bytes));
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

void PngChunks::add_data(std::string_view data) {
  // Length and type; the checksum behind them is not looked at.
  std::vector<char>& header = headers.emplace_back(12, '\0');
  for (size_t i = 0; i < 4; ++i) header[i] = char(data.size() >> (24 - 8 * i) & 255);
  std::ranges::copy("IDAT"sv, header.begin() + 4);
  const std::string_view bytes(header.data(), header.size());
  for (const std::string_view piece : {bytes.substr(0, 8), data, bytes.substr(8)})
    if (!piece.empty()) pieces.push_back(piece);
}

PngChunks png_chunks(std::string_view bytes, const std::string& name) {
  constexpr size_t kSignature = 8;
  PngChunks chunks;
  chunks.pieces.push_back(bytes.substr(0, kSignature));
  int color_type = -1;
  enum class Stage { before, inside, behind } stage = Stage::before;  // the IDATs
  for (size_t at = kSignature;;) {
    const Chunk chunk = chunk_at(bytes.substr(at));
    if (chunk.type.empty()) {
      const std::string_view rest = cut_data(bytes.substr(at));
      if (stage != Stage::behind && !rest.empty()) {
        chunks.add_data(rest);
      } else {
        check<FileError>(stage != Stage::before, name,
                         ": the PNG data is corrupt (it ends too early)");
      }
      break;
    }
    if (stage == Stage::inside && chunk.type != "IDAT") stage = Stage::behind;
    check<FileError>(stage != Stage::before || chunk.type == "IDAT" || good_checksum(chunk), name,
                     ": the PNG data is corrupt (", std::string(chunk.type), ": CRC error)");
    if (chunk.type == "IEND") break;
    if (chunk.type == "IHDR" && chunk.data.size() > 9) color_type = uint8_t(chunk.data[9]);
    if (chunk.type == "IDAT" && stage == Stage::before) stage = Stage::inside;
    const bool read =
        chunk.type == "IHDR" || chunk.type == "IDAT" || (chunk.type == "PLTE" && color_type == 3);
    if (read && stage != Stage::behind) chunks.pieces.push_back(chunk.whole);
    const size_t least = color_type == 0 ? 2 : color_type == 2 ? 6 : 0;
    check<FileError>(chunk.type != "tRNS" || chunk.data.size() >= least, name,
                     ": the PNG data is corrupt (tRNS: too short)");
    note(chunks.notes, chunk);
    at += chunk.whole.size();
  }
  return chunks;
}

std::string missing_adler(const PngChunks& chunks) {
  z_stream z{};
  if (inflateInit(&z) != Z_OK) return {};
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  std::vector<Bytef> out(size_t(1) << 16);
  // inflate() of these bytes into nowhere.
  const auto run = [&](z_stream& stream, std::string_view bytes) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = uInt(bytes.size());
    int status = Z_OK;
    do {
      stream.next_out = out.data();
      stream.avail_out = uInt(out.size());
      status = inflate(&stream, Z_NO_FLUSH);
    } while (status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
    return status;
  };
  std::string_view type;  // of a chunk that comes in pieces
  for (const std::string_view piece : chunks.pieces) {
    const Chunk chunk = chunk_at(piece);
    const std::string_view data = type == "IDAT" ? piece : chunk.type == "IDAT" ? chunk.data : ""sv;
    type = piece.size() == 8 ? piece.substr(4) : ""sv;
    const int status = data.empty() ? Z_OK : run(z, data);
    if (status != Z_OK && status != Z_BUF_ERROR) return {};  // complete, or corrupt
  }
  std::string adler;
  for (int shift = 24; shift >= 0; shift -= 8) adler += char(z.adler >> shift & 255);
  for (; !adler.empty(); adler.erase(0, 1)) {
    z_stream copy{};
    if (inflateCopy(&copy, &z) != Z_OK) return {};
    const int status = run(copy, adler);
    inflateEnd(&copy);
    if (status == Z_STREAM_END) return adler;
  }
  return {};
}

}  // namespace papilio::nn::codec
