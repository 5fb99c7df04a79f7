#include "samples/report/pages/demo_view.h"

#include <string_view>

namespace papilio::report {

const MethodReport* DemoView::find(std::string_view name_prefix) const {
  for (const MethodReport& method : data.methods) {
    if (method.name.starts_with(name_prefix)) return &method;
  }
  return nullptr;
}

}  // namespace papilio::report
