#include "samples/python/src/read_only.h"

#include <map>
#include <memory>
#include <mutex>

#include "samples/python/src/bindings.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

struct Marked {
  std::mutex mutex;
  std::map<const Storage*, std::weak_ptr<Storage>> all;
};

Marked& marked() {
  static Marked* const known = new Marked;  // outlives whatever is destroyed at the end
  return *known;
}

}  // namespace

void mark_read_only(const std::shared_ptr<Storage>& storage) {
  Marked& known = marked();
  const std::lock_guard lock(known.mutex);
  std::erase_if(known.all, [](const auto& entry) { return entry.second.expired(); });
  known.all[storage.get()] = storage;
}

bool is_read_only(const std::shared_ptr<Storage>& storage) {
  Marked& known = marked();
  const std::lock_guard lock(known.mutex);
  const auto found = known.all.find(storage.get());
  return found != known.all.end() && found->second.lock() == storage;
}

void check_writable(const char* operation, const Tensor& x) {
  check(!is_read_only(x.storage()), operation,
        ": the tensor shares the memory of a read-only array; clone() it first");
}

}  // namespace papilio::python
