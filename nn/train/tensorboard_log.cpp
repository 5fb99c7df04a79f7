#include "nn/train/tensorboard_log.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <system_error>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
    table[i] = c;
  }
  return table;
}

// TFRecord's checksum of data that may hold checksums itself.
uint32_t masked_crc(std::string_view data) {
  const uint32_t crc = crc32c(data);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

// Little-endian bytes of a number, as every machine this runs on has them.
template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += char(value | 128);
  return bytes + char(value);
}

// Fields of a protocol buffer: the number, the wire type, the value.
enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string key(uint32_t field, Wire wire) {
  return varint(field << 3 | wire);
}

std::string bytes_field(uint32_t field, std::string_view data) {
  return key(field, kBytes) + varint(data.size()) + std::string(data);
}

double seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Event: wall_time = 1 (double), step = 2 (int64), then file_version = 3, summary = 5 or
// session_log = 7.
std::string event(int64_t step, const std::string& what) {
  return key(1, kFixed64) + bytes_of(seconds_now()) + key(2, kVarint) + varint(uint64_t(step)) +
         what;
}

std::string host() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  std::string result;
  for (const char* c = name; *c != '\0'; ++c) result += *c == '/' ? '_' : *c;
  return result;
}

}  // namespace

uint32_t crc32c(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = ~0u;
  for (const char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 255] ^ (crc >> 8);
  return ~crc;
}

TensorboardLog::TensorboardLog(const std::filesystem::path& folder, std::optional<int64_t> again)
    : file_(nullptr, std::fclose) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": cannot be made: ", error.message());
  // A run that goes on within the second begins a file of its own too.
  for (int n = 0; file_ == nullptr; ++n) {
    path_ = folder / str("events.out.tfevents.", int64_t(seconds_now()), '.', host(), '.',
                         ::getpid(), n > 0 ? str('.', n) : "");
    file_.reset(std::fopen(path_.c_str(), "wbx"));
    check<FileError>(file_ != nullptr || errno == EEXIST, path_.string(),
                     ": cannot be written: ", std::strerror(errno));
  }
  std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  write_record(event(0, bytes_field(3, "brain.Event:2")));
  // SessionLog: status = 1 is START = 1.
  if (again) write_record(event(*again, bytes_field(7, key(1, kVarint) + varint(1))));
}

void TensorboardLog::write(int64_t step, const std::vector<Scalar>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    if (std::isnan(value)) continue;
    // Summary.Value: tag = 1, simple_value = 2 (float).
    summary += bytes_field(1, bytes_field(1, tag) + key(2, kFixed32) + bytes_of(float(value)));
  }
  if (!summary.empty()) write_record(event(step, bytes_field(5, summary)));
}

void TensorboardLog::write_record(std::string_view data) {
  const std::string length = bytes_of(uint64_t(data.size()));
  const std::string record =
      length + bytes_of(masked_crc(length)) + std::string(data) + bytes_of(masked_crc(data));
  const bool written = std::fwrite(record.data(), 1, record.size(), file_.get()) == record.size() &&
                       std::fflush(file_.get()) == 0;
  const int error = errno;
  if (written) {
    size_ += int64_t(record.size());
    return;
  }
  // Readers stop at half a record: it goes.
  std::clearerr(file_.get());
  const bool cut =
      ::ftruncate(::fileno(file_.get()), size_) == 0 && ::fseeko(file_.get(), size_, SEEK_SET) == 0;
  throw FileError(
      str(path_.string(),
          cut ? ": cannot be written: " : ": cannot be written or cut: ", std::strerror(error)));
}

}  // namespace papilio::nn
