// Lines that renew themselves fit into the terminal, whatever it is resized to.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "nn/train/detail/terminal.h"
#include "nn/train/progress.h"
#include "nn/train/spinner.h"

namespace papilio::test {

namespace {

// A terminal of so many columns, and what was written to it.
class Terminal {
 public:
  // A system in a folder may have no /dev/pts.
  static bool can_be_had() {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) {
      MESSAGE("skipped: there are no pseudo-terminals");
      return false;
    }
    ::close(master);
    return true;
  }
  explicit Terminal(int columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(master_ >= 0);
    REQUIRE(::grantpt(master_) == 0);
    REQUIRE(::unlockpt(master_) == 0);
    out_ = std::fopen(::ptsname(master_), "w");
    REQUIRE(out_ != nullptr);
    resize(columns);
    REQUIRE(::fcntl(master_, F_SETFL, O_NONBLOCK) == 0);
  }
  ~Terminal() {
    std::fclose(out_);
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void resize(int columns) const {
    struct winsize size = {};
    size.ws_row = 24, size.ws_col = static_cast<unsigned short>(columns);
    REQUIRE(::ioctl(master_, TIOCSWINSZ, &size) == 0);
  }
  std::FILE* out() const { return out_; }
  // The lines since the last call, one for each time that it was renewed.
  std::vector<std::string> lines() const {
    std::fflush(out_);
    std::string text;
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(master_, bytes, sizeof bytes)) > 0;)
      text.append(bytes, size_t(n));
    std::vector<std::string> all;
    const std::string renew = nn::kRenewLine;
    for (size_t at = text.find(renew); at != text.npos;) {
      const size_t next = text.find(renew, at + renew.size());
      all.push_back(
          text.substr(at + renew.size(), next == text.npos ? next : next - at - renew.size()));
      at = next;
    }
    for (std::string& line : all) line.erase(line.find_last_not_of("\r\n") + 1);
    return all;
  }

 private:
  int master_;
  std::FILE* out_ = nullptr;
};

}  // namespace

TEST_CASE("progress fits into the terminal at every time, and leaves out the least important") {
  if (!Terminal::can_be_had()) return;
  const Terminal terminal(200);
  const std::string detail = "epoch 3/40  loss 0.123  validation 97.1 %";
  std::vector<std::string> lines;
  {
    nn::Progress progress(terminal.out(), "train", 1000);
    for (const int columns : {200, 120, 80, 40, 12, 200}) {
      terminal.resize(columns);
      ::usleep(110'000);  // ten times a second at most
      progress.update(500, 64, detail);
      const auto shown = terminal.lines();
      REQUIRE(shown.size() == 1);
      CHECK(nn::columns_of(shown[0]) < columns);
      lines.push_back(shown[0]);
    }
  }
  REQUIRE(lines.size() == 6);
  const auto has = [&](size_t line, const char* what) {
    return lines[line].find(what) != std::string::npos;
  };
  for (const char* part :
       {"━", " 500/1000", " images/s", "epoch 3/40", "loss 0.123", "97.1 %", " to go"}) {
    CAPTURE(part);
    CHECK(has(0, part));
    CHECK(has(5, part));
  }
  for (const char* part : {" 500/1000", "epoch 3/40", "loss 0.123", "97.1 %", " to go"})
    CHECK(has(2, part));
  CHECK_FALSE(has(2, "━"));
  CHECK(has(3, "train 500/1000  epoch 3/40"));
  CHECK(has(3, " to go"));
  CHECK(lines[4] == "train 500/…");
}

TEST_CASE("a spinner fits into the terminal") {
  if (!Terminal::can_be_had()) return;
  const Terminal terminal(20);
  {
    const nn::Spinner spinner(terminal.out(), "reading a folder of a long name");
    ::usleep(1'300'000);
  }
  const auto lines = terminal.lines();
  REQUIRE(lines.size() > 1);
  CHECK(lines[0].ends_with("…"));
  for (const std::string& line : lines) CHECK(nn::columns_of(line) < 20);
  CHECK(lines.back().empty());
}

TEST_CASE("text is measured and cut in columns; a terminal that does not say takes COLUMNS") {
  CHECK(nn::columns_of("━╌ é") == 4);
  CHECK(nn::columns_of("漢字a") == 5);
  CHECK(nn::columns_of("\xff\xc3") == 2);
  CHECK(nn::cut_to("abcdef", 6) == "abcdef");
  CHECK(nn::cut_to("abcdef", 5) == "abcd…");
  CHECK(nn::cut_to("漢字漢字", 6) == "漢字…");
  CHECK(nn::cut_to("abc", 0) == "");
  CHECK(nn::fitted({{"a", 0}, {"bb", 2}, {"ccc", 1}, {"d", 3}}, 5) == "accc");
  CHECK(nn::fitted({{"a", 0}, {"bb", 2}, {"ccc", 1}, {"d", 3}}, 7) == "abbcccd");
  // A share of the peak is nothing without the rate that it is of.
  const std::vector<nn::LinePart> rates{{"a", 0}, {" 1234 images/s", 1}, {" (5 %)", 2}};
  CHECK(nn::fitted(rates, 10) == "a");
  CHECK(nn::fitted(rates, 40) == "a 1234 images/s (5 %)");
  if (!Terminal::can_be_had()) return;
  const Terminal terminal(0);
  const char* const before = std::getenv("COLUMNS");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("COLUMNS", "33", 1);
  CHECK(nn::terminal_columns(terminal.out()) == 33);
  ::setenv("COLUMNS", "wide", 1);
  CHECK(nn::terminal_columns(terminal.out()) == 80);
  if (before == nullptr)
    ::unsetenv("COLUMNS");
  else
    ::setenv("COLUMNS", kept.c_str(), 1);
}

}  // namespace papilio::test
