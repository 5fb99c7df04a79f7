// Every picture. Each is SVG text whose colours come from CSS variables (picture_css), so that one
// picture serves light and dark pages. Values that are not finite are left out, never drawn.
#pragma once

#include "samples/report/svg/bars.h"
#include "samples/report/svg/confusion.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/lines.h"
