// Memory of arrays that may not be written.
#pragma once

#include <memory>

#include "tensor/storage.h"

namespace papilio::python {

// From now on every tensor on this memory is read-only.
void mark_read_only(const std::shared_ptr<Storage>& storage);
bool is_read_only(const std::shared_ptr<Storage>& storage);

}  // namespace papilio::python
