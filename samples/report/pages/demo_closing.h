// Sections at the end of the demo's page: attention, mistakes, merging, how it was made.
#pragma once

#include "samples/report/pages/demo_view.h"
#include "samples/report/pages/html.h"

namespace papilio::report {

void add_attention(Document& page, const DemoView& view);
void add_mistakes(Document& page, const DemoView& view);
void add_merging(Document& page, const DemoView& view);
void add_making(Document& page, const DemoView& view);

}  // namespace papilio::report
