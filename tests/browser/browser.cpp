#include "tests/browser/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace papilio::test {

namespace {

constexpr int kPatience = 60'000;  // milliseconds

// A pipe whose ends lie above the numbers that the browser wants.
void make_pipe(int ends[2]) {
  int low[2];
  if (pipe(low) != 0) throw std::runtime_error("Browser: no pipe");
  for (int i = 0; i < 2; ++i) {
    ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
    close(low[i]);
  }
}

std::string decoded(const std::string& base64) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t word = 0;
  int bits = 0;
  for (char c : base64) {
    const size_t digit = digits.find(c);
    if (digit == std::string::npos) break;
    word = word << 6 | uint32_t(digit);
    bits += 6;
    if (bits >= 8) bytes += char(word >> (bits -= 8) & 255);
  }
  return bytes;
}

}  // namespace

std::string find_chromium() {
  const char* path = std::getenv("PATH");
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
      std::string file = folder + '/' + name;
      if (access(file.c_str(), X_OK) == 0) return file;
    }
  }
  return "";
}

Browser::Browser(const std::string& program, const std::filesystem::path& profile) {
  int in[2], out[2];
  make_pipe(in);
  make_pipe(out);
  const std::string folder = "--user-data-dir=" + profile.string();
  process_ = fork();
  if (process_ == 0) {
    setpgid(0, 0);
    const int nowhere = ::open("/dev/null", O_RDWR);
    dup2(nowhere, 0);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    dup2(in[0], 3);   // the browser reads its orders here
    dup2(out[1], 4);  // and answers here
    execl(program.c_str(), "chromium", "--headless", "--no-sandbox", "--disable-gpu",
          "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
          "--force-color-profile=srgb", "--remote-debugging-pipe", folder.c_str(), nullptr);
    _exit(99);
  }
  close(in[0]);
  close(out[1]);
  to_ = in[1];
  from_ = out[0];
  signal(SIGPIPE, SIG_IGN);
  const auto target = call("Target.createTarget", {{"url", "about:blank"}});
  session_ = call("Target.attachToTarget",
                  {{"targetId", target["targetId"]}, {"flatten", true}})["sessionId"];
  for (const char* events : {"Page.enable", "Runtime.enable", "Log.enable"})
    call(events, nlohmann::json::object());
}

Browser::~Browser() {
  kill(-process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  close(to_);
  close(from_);
}

nlohmann::json Browser::receive() {
  for (;;) {
    const size_t end = received_.find('\0');
    if (end != std::string::npos) {
      auto message = nlohmann::json::parse(received_.substr(0, end));
      received_.erase(0, end + 1);
      return message;
    }
    pollfd waiting{from_, POLLIN, 0};
    char bytes[65536];
    const ssize_t count =
        poll(&waiting, 1, kPatience) > 0 ? read(from_, bytes, sizeof bytes) : ssize_t(-1);
    if (count <= 0) throw std::runtime_error("Browser: no answer");
    received_.append(bytes, size_t(count));
  }
}

void Browser::take_event(const nlohmann::json& message) {
  const std::string method = message.value("method", "");
  if (method == "Page.loadEventFired") loaded_ = true;
  const bool error = method == "Log.entryAdded" || method == "Runtime.exceptionThrown" ||
                     method == "Runtime.consoleAPICalled";
  if (error) complaints_.push_back(message["params"].dump());
}

nlohmann::json Browser::call(const std::string& method, const nlohmann::json& parameters) {
  nlohmann::json message{{"id", ++calls_}, {"method", method}, {"params", parameters}};
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump() + '\0';
  if (write(to_, text.data(), text.size()) != ssize_t(text.size()))
    throw std::runtime_error("Browser: it has ended");
  for (;;) {
    const nlohmann::json answer = receive();
    if (!answer.contains("id")) {
      take_event(answer);
    } else if (answer["id"] == calls_) {
      if (answer.contains("error"))
        throw std::runtime_error("Browser: " + method + ": " + answer["error"].dump());
      return answer["result"];
    }
  }
}

void Browser::open(const std::filesystem::path& file, int width, bool dark) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", 900}, {"deviceScaleFactor", 1}, {"mobile", false}});
  call("Emulation.setEmulatedMedia",
       {{"features", {{{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}}}}});
  complaints_.clear();
  loaded_ = false;
  call("Page.navigate", {{"url", "file://" + file.string()}});
  while (!loaded_) take_event(receive());
}

nlohmann::json Browser::value(const std::string& expression) {
  const auto answer =
      call("Runtime.evaluate",
           {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails"))
    throw std::runtime_error("Browser: " + answer["exceptionDetails"].dump());
  return answer["result"].value("value", nlohmann::json());
}

std::string Browser::photograph() {
  const auto answer =
      call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
  return decoded(answer["data"]);
}

}  // namespace papilio::test
