#include "tests/samples/papilio/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

#include "tests/paths.h"

namespace papilio::test {

int Workplace::start(const std::vector<std::string>& words) const {
  std::vector<std::string> all{"papilio"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  pointers.reserve(all.size() + 1);
  for (std::string& word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string out = folder_ / "stdout", err = folder_ / "stderr";
  const int process = fork();
  if (process != 0) return process;
  const int o = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int e = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (o < 0 || e < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0 || chdir(folder_.path().c_str()) != 0)
    _exit(99);
  constexpr unsigned kNobody = 65534;
  if (!superuser_ && geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(99);
  // nohup, and a shell that starts the tests in the background, have signals ignored.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
  for (const auto& [name, value] : environment_) setenv(name.c_str(), value.c_str(), 1);
  execv(program_, pointers.data());
  _exit(99);
}

Outcome Workplace::finish(int process) const {
  int status = 0;
  REQUIRE(waitpid(process, &status, 0) == process);
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), bytes("stdout"),
          bytes("stderr")};
}

void Workplace::set_faults(const std::string& calls, const std::string& path, int n) {
  set_environment("LD_PRELOAD", faults_library);
  set_environment("PAPILIO_FAULT_CALLS", calls);
  set_environment("PAPILIO_FAULT_PATH", path);
  set_environment("PAPILIO_FAULT_FROM", std::to_string(n));
}

bool has_ended(int process) {
  siginfo_t info = {};
  return ::waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == process;
}

void KilledAfter::operator()(int process) const {
  for (int i = 0; i < 20 * seconds; ++i) {
    if (has_ended(process)) return;
    ::usleep(50'000);
  }
  ::kill(process, SIGKILL);
}

nlohmann::json Workplace::json(std::vector<std::string> words) const {
  words.insert(words.end(), {"--json", "--quiet"});
  const Outcome outcome = run(words);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(outcome.err == "");
  return nlohmann::json::parse(outcome.out);
}

void train_base(const Workplace& at) {
  at.json(words("train --classes 0-1 --out base " + kTinyModel));
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

void check_refused(const Workplace& at, const std::vector<RefusedCommand>& cases) {
  for (const RefusedCommand& wrong : cases) {
    CAPTURE(wrong.line);
    const auto outcome = at.run(words(wrong.line));
    CHECK(outcome.code == wrong.code);
    CHECK(outcome.out == "");
    CHECK_MESSAGE(outcome.err.find(wrong.says) != std::string::npos, outcome.err);
    // One line, behind warnings if there are any.
    std::istringstream lines(outcome.err);
    std::vector<std::string> refusals;
    for (std::string line; std::getline(lines, line);)
      if (line.find(": warning: ") == std::string::npos) refusals.push_back(line);
    CHECK_MESSAGE((refusals.size() == 1 && outcome.err.ends_with(refusals[0] + '\n')), outcome.err);
  }
}

}  // namespace papilio::test
