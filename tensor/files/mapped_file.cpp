#include "tensor/files/detail/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio {
namespace {

// What the signal handler may look at: a list that only grows. Records of closed files are used
// again.
struct Mapping {
  std::atomic<uintptr_t> begin = 0, end = 0;  // begin = end: free
  char message[512] = {};
  Mapping* next = nullptr;
};
std::atomic<Mapping*> mappings = nullptr;
std::mutex mappings_mutex;
struct sigaction previous_action;

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Mapping* m = mappings.load(); m != nullptr; m = m->next) {
    if (at < m->begin || at >= m->end) continue;
    if (::write(STDERR_FILENO, m->message, std::strlen(m->message)) < 0) ::_exit(1);
    ::_exit(1);
  }
  // Not ours: what would have happened without this handler.
  if (previous_action.sa_flags & SA_SIGINFO)
    return previous_action.sa_sigaction(signal, info, context);
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    return previous_action.sa_handler(signal);
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);  // delivered on return
}

void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous_action);
}

void remember(const std::string& path, uintptr_t begin, uintptr_t end) {
  const std::lock_guard lock(mappings_mutex);
  Mapping* m = mappings;
  while (m != nullptr && m->end != 0) m = m->next;
  const bool fresh = m == nullptr;
  if (fresh) {
    if (mappings == nullptr) install_handler();
    m = new Mapping;  // never freed: the handler may be looking
    m->next = mappings;
  }
  // The end of a long path says more than its beginning.
  const auto shown = path.size() > 400 ? "..." + path.substr(path.size() - 400) : path;
  const auto message = str("error: ", shown, " was shortened while it was in use\n");
  std::memcpy(m->message, message.c_str(), message.size() + 1);
  m->begin = begin;
  m->end = end;
  if (fresh) mappings = m;
}

void forget(uintptr_t begin) {
  const std::lock_guard lock(mappings_mutex);
  for (Mapping* m = mappings; m != nullptr; m = m->next) {
    if (m->begin == begin && m->end != 0) m->end = 0, m->begin = 0;
  }
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const RegularFile file(path);
  if (file.size() == 0) return;
  size_ = size_t(file.size());
  void* const mapped = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                              file.descriptor(), 0);
  check<FileError>(mapped != MAP_FAILED, path.string(), ": cannot be read: ", std::strerror(errno));
  data_ = static_cast<unsigned char*>(mapped);
  remember(path.string(), uintptr_t(data_), uintptr_t(data_) + size_);
}

MappedFile::~MappedFile() {
  if (!data_) return;
  forget(uintptr_t(data_));
  ::munmap(data_, size_);
}

}  // namespace papilio
