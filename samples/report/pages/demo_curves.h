// Sections of the demo's page: what is learned step by step, and what is kept.
#pragma once

#include "samples/report/pages/demo_view.h"
#include "samples/report/pages/html.h"

namespace papilio::report {

void add_learning(Document& page, const DemoView& view);
void add_forgetting(Document& page, const DemoView& view);

}  // namespace papilio::report
