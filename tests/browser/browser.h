// A headless Chromium, spoken to in its DevTools protocol.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace papilio::test {

// The program's path; empty if no Chromium is installed.
std::string find_chromium();

class Browser {
 public:
  // `profile`: a folder for what it keeps. Throws std::runtime_error, here and below, if it does
  // not answer within a minute.
  Browser(const std::string& program, const std::filesystem::path& profile);
  ~Browser();  // ends it and what it started
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Loads the file into a window of this width, in the light or the dark colours.
  void open(const std::filesystem::path& file, int width, bool dark);
  // The value of a JavaScript expression; one of a promise is waited for.
  nlohmann::json value(const std::string& expression);
  // The whole page as a PNG.
  std::string photograph();
  // What the console and the page complained about since open().
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  nlohmann::json call(const std::string& method, const nlohmann::json& parameters);
  nlohmann::json receive();  // the next message
  void take_event(const nlohmann::json& message);

  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  std::string received_, session_;
  int64_t calls_ = 0;
  bool loaded_ = false;
  std::vector<std::string> complaints_;
};

}  // namespace papilio::test
